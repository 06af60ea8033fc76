"""One bounded HTTP exchange: what `source` and `performer` have in common."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from activity_core.adapters.secrets import resolve_secret
from activity_core.core.definition.connection import Connection
from activity_core.core.errors import BadInputError, MalformedJsonError
from activity_core.core.jsontext import JsonValue, canonical_json, parse_json

MAX_BYTES = 1 << 20
"""Of an answer; a longer one is refused, not cut."""
MAX_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of a response."""

    status: int
    body: bytes

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
    """A request as a definition words it, rendered."""

    method: str
    url: str
    headers: Mapping[str, str]
    json: JsonValue


async def exchange(
    client: httpx.AsyncClient, ask: Ask, connection: Connection | None, timeout_s: float
) -> Answer:
    """Send and read, with the connection's base and secret headers.

    Raises:
        httpx.HTTPError: it could not be sent or answered.
        BadInputError: a forbidden target, an address that is none, or an answer too long.
    """
    headers = dict(ask.headers)
    url = ask.url
    if connection is not None and connection.http_ is not None:
        url = connection.http_.base_url.rstrip("/") + "/" + url.lstrip("/")
        headers |= {name: resolve_secret(ref) for name, ref in connection.http_.headers.items()}
    content = None
    if ask.json is not None:
        content = canonical_json(ask.json)
        headers.setdefault("content-type", "application/json")
    # As UTF-8: values come from events, and httpx would refuse anything but ASCII.
    raw_headers = {name.encode(): value.encode() for name, value in headers.items()}
    async with client.stream(
        ask.method, _target(url), headers=raw_headers, content=content, timeout=timeout_s
    ) as response:
        return Answer(response.status_code, await _read(response))


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
            raise BadInputError(f"the answer is longer than {MAX_BYTES} bytes")
    return bytes(body)
