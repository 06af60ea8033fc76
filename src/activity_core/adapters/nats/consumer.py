"""Events in from NATS: a durable pull consumer on the inbound stream."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig

from activity_core.adapters.nats.connection import (
    INBOX_STREAM,
    INBOX_SUBJECTS,
    NatsConnection,
    unavailable,
)

DURABLE = "activity-core"
ACK_WAIT = 30.0
"""Seconds until an unsettled message is delivered again."""
MAX_ACK_PENDING = 1_000
WAIT = 1.0


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
    def published_at(self) -> datetime:
        """When the server stored it."""
        return self._message.metadata.timestamp

    async def ack(self) -> None:
        """Confirmed by the server, or delivered again."""
        await self._message.ack()

    async def retry(self, delay: timedelta) -> None:
        """Deliver it again after the delay (or after ACK_WAIT, if NATS cannot be told)."""
        if not self._message.is_acked:
            await self._message.nak(delay.total_seconds())

    async def dead(self, reason: str) -> None:
        """Never again; the reason is in our dead letters."""
        del reason
        await self._message.term()


class NatsConsumer:
    """The inbound stream; several processes share one durable consumer."""

    def __init__(self, connection: NatsConnection) -> None:
        self._connection = connection

    async def deliveries(self, batch: int) -> AsyncIterator[Sequence[NatsDelivery]]:
        """Batches until cancelled.

        Raises:
            UnavailableError: NATS is away; the link is dropped and made anew at the next call.
        """
        stream = await self._connection.jetstream()
        try:
            incarnation = await _incarnation(stream)
            subscription = await stream.pull_subscribe(
                INBOX_SUBJECTS, durable=DURABLE, stream=INBOX_STREAM, config=_config()
            )
            while True:
                try:
                    messages = await subscription.fetch(batch, timeout=WAIT)
                except (TimeoutError, NatsTimeoutError):
                    await stream.consumer_info(INBOX_STREAM, DURABLE)  # away, or only quiet?
                    continue
                yield [NatsDelivery(message, incarnation) for message in messages]
        except (TimeoutError, NatsError, OSError) as error:
            await self._connection.forget()
            raise unavailable(error) from error


def _config() -> ConsumerConfig:
    """Delivered without bound: we bury what cannot be processed ourselves (NATS only advises)."""
    return ConsumerConfig(
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT,
        max_deliver=-1,
        max_ack_pending=MAX_ACK_PENDING,
    )


async def _incarnation(stream: JetStreamContext) -> str:
    info = await stream.stream_info(INBOX_STREAM)
    return f"{INBOX_STREAM}/{info.created.isoformat() if info.created else ''}"
