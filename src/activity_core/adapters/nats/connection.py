"""One link to NATS, made when first needed and again whenever it is gone.

Shared by consumer and publisher; owns the two streams (inbound work queue, outbound log).
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError as StreamNotFoundError

from activity_core.core.errors import UnavailableError

log = structlog.get_logger(__name__)

INBOX_STREAM = "ACTIVITY_CORE_INBOX"
INBOX_SUBJECTS = "events.>"
EVENTS_STREAM = "ACTIVITY_CORE_EVENTS"
EMITTED = "emitted."
"""Subject prefix for the events that definitions emit; our own keep their type as subject."""

DUPLICATE_WINDOW = timedelta(minutes=10)
"""How long the server drops a repeated `Nats-Msg-Id`; later repeats carry the same event id."""
MAX_BYTES = 1 << 30
KEEP_OUTBOUND = timedelta(days=7)
CONNECT_WITHIN = 2.0
"""Seconds for the first connection: whoever waits for it may hold rows locked."""
PAUSE = 0.5
"""Seconds after a failed connection in which nobody tries another."""


@dataclass(frozen=True, slots=True)
class NatsSettings:
    """Where NATS is. `credentials` is the path of a .creds file."""

    url: str
    credentials: str | None = None


def _inbox() -> StreamConfig:
    """A message stays until it is in our inbox; when full, senders are refused, nothing is lost."""
    return StreamConfig(
        name=INBOX_STREAM,
        subjects=[INBOX_SUBJECTS],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_bytes=MAX_BYTES,
    )


def _events() -> StreamConfig:
    return StreamConfig(
        name=EVENTS_STREAM,
        subjects=["activity-core.>", f"{EMITTED}>"],
        storage=StorageType.FILE,
        max_bytes=MAX_BYTES,
        max_age=KEEP_OUTBOUND.total_seconds(),
        duplicate_window=DUPLICATE_WINDOW.total_seconds(),
    )


class NatsConnection:
    """Connects on demand. Streams that exist are left as their owner made them."""

    def __init__(self, settings: NatsSettings) -> None:
        self._settings = settings
        self._client: Client | None = None
        self._stream: JetStreamContext | None = None
        self._lock = asyncio.Lock()
        self._not_before = 0.0

    async def jetstream(self) -> JetStreamContext:
        """JetStream with both streams in place.

        Raises:
            UnavailableError: NATS cannot be reached, or has no JetStream.
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

    async def forget(self) -> None:
        """Drop the link: the next use connects anew and looks after the streams."""
        async with self._lock:
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
            for config in (_inbox(), _events()):
                await _ensure(stream, config)
        except (NatsError, TimeoutError, OSError) as error:
            await _close(client)
            raise unavailable(error) from error
        self._client = client
        return stream

    async def _open(self) -> Client:
        """A client that reconnects by itself; the first connection it would try for ever."""
        client = Client()
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                await client.connect(
                    self._settings.url,
                    user_credentials=self._settings.credentials,
                    name="activity-core",
                    connect_timeout=2,
                    allow_reconnect=True,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=1,
                    error_cb=_note,
                )
        except (NatsError, TimeoutError, OSError) as error:
            await _close(client)
            raise unavailable(error) from error
        return client


def unavailable(error: BaseException) -> UnavailableError:
    """Whatever NATS said, as one error of ours."""
    text = str(error) or type(error).__name__
    return UnavailableError(f"NATS: {text}", hint="it is tried again by itself")


async def _ensure(stream: JetStreamContext, config: StreamConfig) -> None:
    try:
        await stream.stream_info(str(config.name))
    except StreamNotFoundError:
        await stream.add_stream(config)


async def _close(client: Client) -> None:
    try:
        await client.close()
    except (NatsError, TimeoutError, OSError, RuntimeError) as error:  # the last is uvloop's
        log.info("nats_close", error=str(error))


async def _note(error: Exception) -> None:
    log.warning("nats", error=str(error) or type(error).__name__)
