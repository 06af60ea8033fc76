"""The API as a process: a system's services behind uvicorn, on one address.

In: a system from `bootstrap`. Out: `/v1` on the settings' host and port.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from activity_core.adapters.secrets import resolve_secret
from activity_core.api.app import create_app
from activity_core.api.parts import ApiKeys, ApiLimits, Probe
from activity_core.api.peer import CertificateProtocol, Peers, tls_context
from activity_core.api.system_parts import parts_of
from activity_core.bootstrap.system import System
from activity_core.core.errors import ConfigurationError
from activity_core.settings import Settings

SHUTDOWN_SECONDS = 5


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone: the process is more than this server."""
        yield


class ApiServer:
    """Listens from `start` to `stop`.

    `everything`: the agents run in this process too, so being ready also means that Temporal and
    the brokers were reached once; an outage of theirs later turns no event away.
    """

    def __init__(self, system: System, *, everything: bool) -> None:
        settings = system.settings.checked_for_serving()
        probes: dict[str, Probe] = {"postgres": system.check_postgres}
        if everything:
            probes["temporal"] = _once(system.check_temporal)
            probes |= {name: _once(check) for name, check in system.brokers.checks.items()}
        app = create_app(
            parts_of(system, probes),
            api_keys=ApiKeys(
                {name: resolve_secret(ref) for name, ref in settings.api_keys.items()}
            ),
            limits=ApiLimits(
                settings.max_body_bytes, settings.max_json_depth, settings.max_batch_events
            ),
            origins=settings.webhook_origins,
            peers=Peers(settings.client_certificate_header or "", settings.trusted_proxies),
        )
        self._tls = _tls(settings)
        self._server = _Server(uvicorn_config(app, self._tls))
        self._socket = _listen(settings.host, settings.port)
        self._serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        scheme = "https" if self._tls else "http"
        host, port = self._socket.getsockname()[:2]
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    async def start(self) -> None:
        """Begin to serve; connections that came before wait in the socket's queue."""
        self._serving = asyncio.create_task(self._server.serve([self._socket]))

    async def stop(self) -> None:
        """Answer what is under way, then close."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        self._socket.close()


def uvicorn_config(app: FastAPI, tls: ssl.SSLContext | None) -> uvicorn.Config:
    """How an application is served; with `tls`, over HTTPS only."""
    return uvicorn.Config(
        app,
        http=CertificateProtocol,
        ssl_context_factory=(lambda *_: tls) if tls else None,
        proxy_headers=False,  # `peer` must know who really connects
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_cert is None:
        if settings.tls_key or settings.tls_client_ca:
            raise ConfigurationError("TLS needs ACTIVITY_CORE_TLS_CERT, our own certificate")
        return None
    return tls_context(settings.tls_cert, settings.tls_key, settings.tls_client_ca)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            hint="choose another with --port or ACTIVITY_CORE_PORT",
        ) from error
    return listening


def _once(probe: Probe) -> Probe:
    """A probe that stays satisfied after its first success."""
    reached = False

    async def check() -> None:
        nonlocal reached
        if not reached:
            await probe()
            reached = True

    return check
