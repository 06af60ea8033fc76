"""One link to NATS, made when first needed and again whenever it is gone.

Shared by all consumers and the publisher of a process.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from activity_core.adapters.nats.durability import durability_warning
from activity_core.adapters.nats.settings import NatsSettings, access_of
from activity_core.adapters.nats.streams import ensure_streams
from activity_core.core.errors import UnavailableError

log = structlog.get_logger(__name__)

CONNECT_WITHIN = 2.0
"""Seconds for the first connection: whoever waits for it may hold rows locked."""
PAUSE = 0.5
"""Seconds after a failed connection in which nobody tries another."""


class NatsConnection:
    """Connects on demand. Raises ConfigurationError for settings that cannot be used."""

    def __init__(self, settings: NatsSettings) -> None:
        self._settings = settings
        self._access = access_of(settings)
        self._client: Client | None = None
        self._stream: JetStreamContext | None = None
        self._lock = asyncio.Lock()
        self._not_before = 0.0

    async def jetstream(self) -> JetStreamContext:
        """JetStream with our streams in place.

        Raises:
            UnavailableError: NATS cannot be reached, refuses us, or has no JetStream.
        """
        async with self._lock:
            if self._stream is None:
                self._stream = await self._connect_again()
            return self._stream

    async def check(self) -> None:
        """Raise UnavailableError unless the server answers now."""
        stream = await self.jetstream()
        try:
            await stream.account_info()
        except (NatsError, TimeoutError, OSError) as error:
            raise unavailable(error) from error

    async def durability_warning(self) -> str | None:
        """What to know about the server's way of writing to disk; None if it loses nothing."""
        return await durability_warning(self._settings.monitor_url, self._access.tls)

    async def restore_streams(self) -> None:
        """Make our streams again if somebody removed one.

        Raises:
            UnavailableError: NATS is away.
        """
        stream = await self.jetstream()
        try:
            if self._settings.make_streams:
                await ensure_streams(stream)
        except (NatsError, TimeoutError, OSError) as error:
            raise unavailable(error) from error

    async def forget(self, broken: JetStreamContext | None = None) -> None:
        """Drop the link, so that the next use connects anew.

        Args:
            broken: drop it only if it is still this one: whoever notices late that a link broke
                must not cut off those who have a new one.
        """
        async with self._lock:
            if broken is not None and broken is not self._stream:
                return
            client, self._client, self._stream = self._client, None, None
        if client is not None:
            await _close(client)

    async def _connect_again(self) -> JetStreamContext:
        """Those who waited for an attempt that failed do not each make another."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._not_before:
            raise UnavailableError("NATS: could not be reached a moment ago")
        try:
            return await self._connect()
        except UnavailableError:
            self._not_before = loop.time() + PAUSE
            raise

    async def _connect(self) -> JetStreamContext:
        client = await self._open()
        try:
            stream = client.jetstream(timeout=5)
            if self._settings.make_streams:
                await ensure_streams(stream)
        except (NatsError, TimeoutError, OSError) as error:
            await _close(client)
            raise unavailable(error) from error
        self._client = client
        return stream

    async def _open(self) -> Client:
        """A client that reconnects by itself; the first connection it would try for ever."""
        client = _ClientOverTls() if self._access.tls else Client()
        heard: list[Exception] = []
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                await client.connect(
                    **self._access.options,
                    name="activity-core",
                    connect_timeout=2,
                    allow_reconnect=True,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=1,
                    error_cb=_noting(heard),
                )
        except (NatsError, TimeoutError, OSError, ValueError) as error:
            await _close(client)
            # The client goes on until our time is up: why it failed, it told by the way.
            raise unavailable(heard[-1] if heard else error) from error
        heard.clear()
        return client


class _ClientOverTls(Client):
    """Says nothing to a server without TLS; by itself the client leaves that to the server."""

    def _connect_command(self) -> bytes:
        if not self._server_info.get("tls_required"):
            raise NatsError("it does not ask for TLS, which the settings do")
        return super()._connect_command()


def unavailable(error: BaseException) -> UnavailableError:
    """Whatever NATS said, as one error of ours."""
    text = str(error) or type(error).__name__
    return UnavailableError(f"NATS: {text}", hint="it is tried again by itself")


async def _close(client: Client) -> None:
    try:
        await client.close()
    except (NatsError, TimeoutError, OSError, RuntimeError) as error:  # the last is uvloop's
        log.info("nats_close", error=str(error))


def _noting(heard: list[Exception]) -> Callable[[Exception], Awaitable[None]]:
    async def note(error: Exception) -> None:
        if isinstance(error, NatsError) or not heard:  # the server's words tell more than a pipe's
            heard[:] = [error]
        log.warning("nats", error=str(error) or type(error).__name__)

    return note
