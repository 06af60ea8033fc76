"""The door: the first and last thing that every request passes.

In: any request. Out: the request with its actor, or a refusal; every answer with security headers;
an unexpected exception as a log line and a bare 500. Plain ASGI, because events pass here too.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activity_core.api.parts import ANONYMOUS, ApiKeys
from activity_core.api.problem import internal_error, problem_of
from activity_core.core.errors import ActivityCoreError, UnauthorisedError

log = structlog.get_logger(__name__)

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""What whoever watches the process may ask without a key."""

_PORT = re.compile(r"(?<=[^:]):\d+$")
Headers = list[tuple[bytes, bytes]]
_SECURITY_HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
]


class ForeignPageError(ActivityCoreError):
    """A web page elsewhere tries to use an API that is open because it is on loopback."""

    code = "foreign_page"
    status = 403


@dataclass(frozen=True, slots=True)
class Direct:
    """A route that is called from the door: the layers behind it take longer than an event does.

    Attributes:
        keyless: no API key is asked for, and no name of ours: what comes proves itself otherwise.
    """

    handler: Callable[[Request], Awaitable[Response]]
    keyless: bool = False


DirectRoutes = Mapping[tuple[str, str], Direct]
"""By method and path; a path that ends with a slash takes one more segment."""
OnRefusal = Callable[[Request, ActivityCoreError], Awaitable[None]]


class Door:
    """ASGI middleware around the whole application.

    `keyless`: how paths begin whose requests prove themselves otherwise. `on_refusal` is told of
    requests to direct routes that do not come in.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        keys: ApiKeys,
        direct: DirectRoutes,
        keyless: tuple[str, ...],
        on_refusal: OnRefusal,
    ) -> None:
        self._app = app
        self._keys = keys
        self._direct = direct
        self._keyless = keyless
        self._on_refusal = on_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (or pass on what is none)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_safely(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = _secured(message["headers"])
            await send(message)

        direct = self._direct_route(scope["method"], scope["path"])
        try:
            if direct is None:
                scope.setdefault("state", {})["actor"] = self._admit(scope)
                await self._app(scope, receive, send_safely)
            else:
                response = await self._call(direct, Request(scope, receive))
                await response(scope, receive, send_safely)
        except ActivityCoreError as error:
            await problem_of(error)(scope, receive, send_safely)
        except ClientDisconnect:
            log.info("client_left", method=scope["method"], path=scope["path"])
        except Exception:
            log.exception("request_failed", method=scope["method"], path=scope["path"])
            if started:  # too late for another answer: let the server cut the connection
                raise
            await internal_error()(scope, receive, send_safely)

    def _direct_route(self, method: str, path: str) -> Direct | None:
        exact = self._direct.get((method, path))
        return exact or self._direct.get((method, path[: path.rfind("/") + 1]))

    async def _call(self, direct: Direct, request: Request) -> Response:
        state = request.scope.setdefault("state", {})
        try:
            state["actor"] = ANONYMOUS if direct.keyless else self._admit(request.scope)
        except ActivityCoreError as error:
            await self._on_refusal(request, error)
            raise
        return await direct.handler(request)

    def _admit(self, scope: Scope) -> str:
        """Who it is."""
        if scope["path"].startswith(self._keyless):
            return ANONYMOUS
        headers = {
            name: value.decode("latin-1")
            for name, value in scope["headers"]
            if name in (b"authorization", b"host", b"origin")
        }
        if not self._keys:
            _refuse_foreign_pages(headers.get(b"host", ""), headers.get(b"origin", ""))
            return ANONYMOUS
        owner = self._keys.owner(headers.get(b"authorization", ""))
        if owner is None and scope["path"] not in OPEN_PATHS:
            raise UnauthorisedError(
                "no valid API key", hint="send Authorization: Bearer and one of the keys"
            )
        return owner or ANONYMOUS


def _secured(headers: Headers) -> Headers:
    """With our headers, unless the answer says so itself: the console's pages need their styles."""
    said = {name for name, _ in headers}
    return [*headers, *(header for header in _SECURITY_HEADERS if header[0] not in said)]


def _refuse_foreign_pages(host: str, origin: str) -> None:
    """Without keys only loopback is served, but any page in a browser there can reach us.

    Pages of other origins say so in `Origin`; one that had its own name resolve to loopback (DNS
    rebinding) says so in `Host`.
    """
    if not _is_loopback(host) or (origin and origin != f"http://{host}"):
        raise ForeignPageError(
            "without API keys only this machine is served, by its loopback name",
            hint="use http://127.0.0.1, or set ACTIVITY_CORE_API_KEYS",
        )


@lru_cache(maxsize=64)
def _is_loopback(host: str) -> bool:
    """Whether a `Host` header names this machine; HTTP/1.0 has none."""
    name = _PORT.sub("", host).strip("[]")
    try:
        return name in ("", "localhost") or ip_address(name).is_loopback
    except ValueError:
        return False
