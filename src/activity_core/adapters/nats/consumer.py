"""Events in from NATS: a durable pull consumer on a source's stream, or on the inbox stream."""

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import StreamInfo
from nats.js.errors import APIError, NotFoundError

from activity_core.adapters.nats.connection import NatsConnection, unavailable
from activity_core.adapters.nats.durable import DURABLE, bind
from activity_core.adapters.nats.streams import INBOX_STREAM
from activity_core.core.errors import UnavailableError

log = structlog.get_logger(__name__)

WAIT = 1.0
"""Seconds after which a quiet stream is asked whether it is still there."""

Pull = JetStreamContext.PullSubscription


class NatsDelivery:
    """One message; `position` is the stream's creation time and the sequence in it."""

    def __init__(self, message: Msg, incarnation: str) -> None:
        self._message = message
        self._incarnation = incarnation

    @property
    def body(self) -> bytes:
        """As it was sent."""
        return self._message.data

    @property
    def headers(self) -> Mapping[str, str]:
        """As they were sent."""
        return self._message.headers or {}

    @property
    def subject(self) -> str:
        """The NATS subject."""
        return self._message.subject

    @property
    def position(self) -> str:
        """A deleted and recreated stream starts its sequence anew: hence the incarnation."""
        return f"{self._incarnation}/{self._message.metadata.sequence.stream}"

    @property
    def attempt(self) -> int:
        """As the durable counts, over all processes."""
        return self._message.metadata.num_delivered

    @property
    def published_at(self) -> datetime:
        """When the server stored it."""
        return self._message.metadata.timestamp

    async def ack(self) -> None:
        """Confirmed by the server, or delivered again."""
        await _told(self._message.ack())

    async def retry(self, delay: timedelta) -> None:
        """Deliver it again after the delay (or after ACK_WAIT, if NATS cannot be told)."""
        if not self._message.is_acked:
            await _told(self._message.nak(delay.total_seconds()))

    async def dead(self, reason: str) -> None:
        """Never again; the reason is in our dead letters."""
        del reason
        await _told(self._message.term())


class NatsConsumer:
    """A durable consumer of a stream; several processes share it.

    Args:
        connection: the link; shared, and dropped by whoever notices that it broke.
        durable: its name; `ids.consumer_name` for a source.
        stream: which must exist, unless it is the inbox stream.
        subjects: only these of the stream's.
    """

    def __init__(
        self,
        connection: NatsConnection,
        *,
        durable: str = DURABLE,
        stream: str = INBOX_STREAM,
        subjects: Sequence[str] = (),
    ) -> None:
        self._connection = connection
        self._durable = durable
        self._stream = stream
        self._subjects = tuple(subjects)

    async def deliveries(self, batch: int) -> AsyncIterator[Sequence[NatsDelivery]]:
        """Batches until cancelled.

        Raises:
            UnavailableError: NATS, or the stream, is away; ask again later.
        """
        stream = await self._connection.jetstream()
        async with self._raising_ours(stream):
            info = await stream.stream_info(self._stream)
            await bind(stream, info, self._durable, self._subjects)
            pull = await stream.pull_subscribe_bind(durable=self._durable, stream=self._stream)
            incarnation = _incarnation(info)
            try:
                while True:
                    if messages := await self._fetched(stream, pull, batch):
                        yield [NatsDelivery(each, incarnation) for each in messages]
            finally:
                await _end(pull)

    async def _fetched(self, stream: JetStreamContext, pull: Pull, batch: int) -> Sequence[Msg]:
        try:
            return await pull.fetch(batch, timeout=WAIT)
        except (TimeoutError, NatsTimeoutError):
            await stream.consumer_info(self._stream, self._durable)  # away, or only quiet?
            return []

    @asynccontextmanager
    async def _raising_ours(self, stream: JetStreamContext) -> AsyncIterator[None]:
        """What JetStream refuses is this source's alone; a link that broke is everybody's."""
        try:
            yield
        except NotFoundError as error:
            await self._connection.restore_streams()
            raise self._refused(error) from error
        except APIError as error:
            raise self._refused(error) from error
        except (TimeoutError, NatsError, OSError) as error:
            await self._connection.forget(stream)
            raise unavailable(error) from error

    def _refused(self, error: APIError) -> UnavailableError:
        return UnavailableError(
            f"NATS: {self._durable} on stream {self._stream}: {error.description or error}",
            hint="streams of sources are their owners' to make; it is tried again by itself",
        )


def _incarnation(info: StreamInfo) -> str:
    return f"{info.config.name}/{info.created.isoformat() if info.created else ''}"


async def _end(pull: Pull) -> None:
    """So that the server hands nothing more to it, and sees that nobody asks."""
    try:
        await pull.unsubscribe()
    except (NatsError, OSError) as error:  # gone with the link
        log.debug("nats_unsubscribe", error=str(error))


async def _told(answer: Awaitable[None]) -> None:
    try:
        await answer
    except (NatsError, OSError) as error:
        raise unavailable(error) from error
