"""Headers as the message has them: one text per name.

In: a request. Out: a mapping with lower-case names. What two readers could read differently, a
header that stands there twice, is an error: one of them might be what was checked, the other what
was meant.
"""

from collections import Counter

from fastapi import Request

from activity_core.core.errors import BadInputError

LISTS = frozenset(
    {
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "baggage",
        "cache-control",
        "connection",
        "cookie",
        "forwarded",
        "te",
        "tracestate",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
    }
)
"""Headers that are lists, to which everybody on the way may add; no event is made of them."""


def header_fields(request: Request) -> dict[str, str]:
    """The headers by name; lists that came in pieces are joined.

    Raises:
        BadInputError: a header that is no list came twice.
    """
    pairs: list[tuple[bytes, bytes]] = request.scope["headers"]
    fields = {name.decode("latin-1"): _text(value) for name, value in pairs}
    if len(fields) < len(pairs):
        for raw, times in Counter(name for name, _ in pairs).items():
            if times == 1:
                continue
            name = raw.decode("latin-1")
            if name not in LISTS:
                raise BadInputError(f"header `{name:.60}` is given {times} times")
            fields[name] = ", ".join(request.headers.getlist(name))
    return fields


def _text(value: bytes) -> str:
    """Raw UTF-8 as CloudEvents' SDK for Go sends it, or Latin-1 as the one for JavaScript does."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
