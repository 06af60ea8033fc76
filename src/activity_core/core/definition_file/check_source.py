"""The source check: what a well-formed event source still gets wrong, before it is published.

In: an event source, and the names of the deployment's API keys. Out: what is refused and what is
only warned of, each as a key path in YAML's spelling and a sentence. Nothing is evaluated.
"""

import re
from collections.abc import Collection, Iterator
from itertools import combinations

from activity_core.core.admission.mapping import ITEM, MESSAGE_VARIABLES
from activity_core.core.admission.message_body import visible_headers
from activity_core.core.admission.subjects import subjects_overlap
from activity_core.core.definition.event_source import EventMap, EventSource, WebhookWay
from activity_core.core.definition.verification import Verification
from activity_core.core.definition_file.signed_headers import signed_headers
from activity_core.core.errors import ExpressionError
from activity_core.core.expression.checked import checked_expression
from activity_core.core.expression.message import did_you_mean
from activity_core.core.expression.template import Path

Found = Iterator[tuple[Path, str]]

_TEXT = ("text or a whole number", ("STRING", "INT", "UINT", "NULL", "DYN"))
_TIME = ("a time, or seconds since 1970", (*_TEXT[1], "TIMESTAMP", "DOUBLE"))
_MUST: dict[str, tuple[str, tuple[str, ...]]] = {
    "each": ("a list", ("LIST", "DYN")),
    "id": _TEXT,
    "type": _TEXT,
    "source": _TEXT,
    "subject": _TEXT,
    "time": _TIME,
    "data": ("", ("",)),
}
_HEADER = re.compile(
    r"""(?<![\w.])headers(?:\.(?P<member>\w+)|\[\s*(?P<quote>["'])(?P<name>[^"']+)(?P=quote)\s*\])"""
)
_PRESETS_THAT_SIGN = frozenset({"github", "stripe", "slack"})
_TOKEN = re.compile(r"[^\s*>]+|\*")


def check_source(
    source: EventSource, api_keys: Collection[str] | None = None
) -> tuple[list[tuple[Path, str]], list[tuple[Path, str]]]:
    """Refusals and warnings, in the order of the keys.

    Args:
        source: a valid model.
        api_keys: names of the deployment's keys; None: not known here, so not checked.
    """
    return list(_refusals(source)), list(_warnings(source, api_keys))


def _refusals(source: EventSource) -> Found:
    here: Path = (source.way,)
    way = source.mapped
    if way is None:
        return
    if way.verify is not None and way.verify.mtls_ is not None and source.webhook_ is None:
        message = f"{source.way} shows no client's certificate; only a webhook has one"
        yield (*here, "verify", "mtls"), message
    if source.nats_ is not None:
        yield from _subjects((*here, "subjects"), source.nats_.subjects)
    if way.map is not None:
        yield from _map((*here, "map"), way.map)


def _subjects(here: Path, subjects: tuple[str, ...]) -> Found:
    for at, subject in enumerate(subjects):
        *tokens, last = subject.split(".")
        if not all(_TOKEN.fullmatch(token) for token in (*tokens, "x" if last == ">" else last)):
            message = "no subject: names between single dots, `*` for one, a final `>` for any rest"
            yield (*here, at), message
    for (_, one), (at, other) in combinations(enumerate(subjects), 2):
        if subjects_overlap(one, other):
            yield (*here, at), f"overlaps `{one}`; JetStream refuses that in one consumer"


def _map(here: Path, event_map: EventMap) -> Found:
    for key, (must, types) in _MUST.items():
        text: str | None = getattr(event_map, key)
        if text is None:
            continue
        variables = MESSAGE_VARIABLES
        if event_map.each is not None and key != "each":
            variables |= {ITEM}
        try:
            program = checked_expression(text, variables=variables)
        except ExpressionError as error:
            yield (*here, key), str(error)
            continue
        if not program.result_type.startswith(types):
            yield (*here, key), f"must be {must}, is {program.result_type.lower()}"
        for header in _headers(text):
            if header != header.lower():
                yield (*here, key), f"headers have lower-case names here: `{header.lower():.60}`"
            elif not visible_headers({header: ""}):
                message = f"the header `{header:.60}` may hold a credential: maps do not see it"
                yield (*here, key), message


def _warnings(source: EventSource, api_keys: Collection[str] | None) -> Found:
    if source.api_ is not None and api_keys is not None:
        for at, key in enumerate(source.api_.keys):
            if key not in api_keys:
                hint = did_you_mean(key, api_keys) or "there is none"
                yield ("api", "keys", at), f"this deployment has no API key `{key:.60}` ({hint})"
    way = source.mapped
    if source.webhook_ is not None:
        yield from _preset(source.webhook_)
    if way is not None and way.map is not None and way.verify is not None:
        yield from _unsigned((source.way, "map"), way.map, way.verify)
    jwt = way.verify.jwt_ if way is not None and way.verify is not None else None
    if jwt is not None and jwt.jwks is not None and jwt.jwks.startswith("http:"):
        message = "keys that come without TLS may be anybody's"
        yield (source.way, "verify", "jwt", "jwks"), message


def _preset(webhook: WebhookWay) -> Found:
    scheme = webhook.verify.given
    if webhook.preset is not None and webhook.map is not None:
        yield ("webhook", "preset"), "`map` takes its place: nothing of the preset is left"
    elif webhook.preset in _PRESETS_THAT_SIGN and webhook.preset != scheme:
        yield (
            ("webhook", "verify"),
            f"what {webhook.preset} sends is proved by `{webhook.preset}`, not by `{scheme}`",
        )


def _unsigned(here: Path, event_map: EventMap, verify: Verification) -> Found:
    signed, scheme = signed_headers(verify.proof), verify.given
    for key in ("id", "type"):
        for header in _headers(getattr(event_map, key) or ""):
            if header not in signed:
                cure = "; without `id`, it is derived from the body" if key == "id" else ""
                message = (
                    f"`{scheme}` does not sign the header `{header:.60}`: whoever repeats a "
                    f"message may say there what they like{cure}"
                )
                yield (*here, key), message


def _headers(text: str) -> list[str]:
    """The headers that an expression names."""
    return [match["member"] or match["name"] for match in _HEADER.finditer(text)]
