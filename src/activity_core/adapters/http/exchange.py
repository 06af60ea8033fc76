"""One bounded HTTP exchange: what `source` and `performer` have in common.

In: a request as a definition words it. Out: the answer. The secrets of the connection go into the
request here, and are masked wherever the answer repeats them.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx

from activity_core.adapters.secrets import resolve_secret
from activity_core.core.definition.connection import Connection, HttpConnection
from activity_core.core.errors import BadInputError, MalformedJsonError
from activity_core.core.jsontext import JsonValue, canonical_json, parse_json

MAX_BYTES = 1 << 20
"""Of an answer; a longer one is refused, not cut."""
MAX_PORT = 65_535
MASK = b"***"
SHORTEST_MASKED = 6
"""Characters of a secret: a shorter one would be found in innocent text."""


class AnswerTooLongError(BadInputError):
    """The other side said more than we read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, body and headers (by names in lower case) of a response."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Any 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the classes of RFC 9110

    def json(self) -> JsonValue:
        """The body as JSON.

        Raises:
            MalformedJsonError: it is none.
        """
        return parse_json(self.body)

    def json_or_text(self) -> JsonValue:
        """The body as JSON if it is JSON, else as text."""
        try:
            return self.json() if self.body else None
        except MalformedJsonError:
            return self.body.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as a definition words it, rendered; at most one of `json` and `form`."""

    method: str
    url: str
    headers: Mapping[str, str]
    json: JsonValue = None
    form: Mapping[str, str] = field(default_factory=dict)


async def exchange(
    client: httpx.AsyncClient,
    ask: Ask,
    connection: Connection | None,
    timeout_s: float | httpx.Timeout,
) -> Answer:
    """Send and read, with the connection's base and secret headers.

    Raises:
        httpx.HTTPError: it could not be sent or answered.
        AnswerTooLongError: over `MAX_BYTES`.
        BadInputError: a forbidden target, an address or a header that is none.
        ConfigurationError: a secret is missing.
    """
    headers = {name.lower(): value for name, value in ask.headers.items()}
    url, secrets = ask.url, tuple[bytes, ...]()
    if connection is not None and connection.http_ is not None:
        url = connection.http_.base_url.rstrip("/") + "/" + url.lstrip("/")
        credentials = _credentials(connection.http_)
        headers |= credentials
        secrets = _spellings(credentials)
    content = None
    if ask.form:
        content = urlencode(ask.form).encode()
        headers.setdefault("content-type", "application/x-www-form-urlencoded")
    elif ask.json is not None:
        content = canonical_json(ask.json)
        headers.setdefault("content-type", "application/json")
    # As UTF-8: values come from events, and httpx would refuse anything but ASCII.
    raw_headers = {name.encode(): value.encode() for name, value in headers.items()}
    try:
        async with client.stream(
            ask.method, _target(url), headers=raw_headers, content=content, timeout=timeout_s
        ) as response:
            body = _masked(await _read(response), secrets)
            heard = {
                name: _masked(value.encode(), secrets).decode()
                for name, value in response.headers.items()
            }
            return Answer(response.status_code, body, heard)
    except httpx.LocalProtocolError:  # its text has the header, which may be a secret
        raise BadInputError("a header has characters that cannot be sent") from None


def _credentials(connection: HttpConnection) -> dict[str, str]:
    """The secret headers, by names in lower case."""
    found = {name.lower(): resolve_secret(ref) for name, ref in connection.headers.items()}
    if connection.bearer is not None:
        found["authorization"] = f"Bearer {resolve_secret(connection.bearer)}"
    if (basic := connection.basic) is not None:
        pair = f"{resolve_secret(basic.user)}:{resolve_secret(basic.password)}"
        found["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return found


def _spellings(credentials: Mapping[str, str]) -> tuple[bytes, ...]:
    """How an answer may repeat our secrets: as we sent them, without the scheme, or decoded."""
    found = set(credentials.values())
    scheme, _, value = credentials.get("authorization", "").partition(" ")
    found.add(value)
    if scheme == "Basic":
        found.add(base64.b64decode(value).decode(errors="replace").partition(":")[2])
    as_sent = {text.encode() for text in found if len(text) >= SHORTEST_MASKED}
    as_json = {canonical_json(text.decode())[1:-1] for text in as_sent}
    as_php = {text.replace(b"/", rb"\/") for text in as_json}
    return tuple(sorted(as_sent | as_json | as_php, key=len, reverse=True))


def _masked(text: bytes, secrets: tuple[bytes, ...]) -> bytes:
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def _target(url: str) -> httpx.URL:
    try:
        target = httpx.URL(url)
    except httpx.InvalidURL:
        raise BadInputError(f"{url!r} is no http address") from None
    is_port = target.port is None or 0 < target.port <= MAX_PORT
    if target.scheme not in {"http", "https"} or not target.host or not is_port:
        raise BadInputError(f"{url!r} is no http address")
    return target


async def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BYTES:
            raise AnswerTooLongError(f"the answer is longer than {MAX_BYTES} bytes")
    return bytes(body)
