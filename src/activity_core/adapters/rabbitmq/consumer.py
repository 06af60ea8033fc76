"""Events in from RabbitMQ: a queue, best a quorum queue, whose messages are acked one by one."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property

from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.common import FieldValue

from activity_core.adapters.rabbitmq.connection import RabbitmqConnection
from activity_core.adapters.rabbitmq.message import (
    attempt_of,
    headers_of,
    position_of,
    published_at,
    tag_of,
)
from activity_core.adapters.rabbitmq.subscription import Subscription
from activity_core.ports.clock import Clock

WINDOW = 5
"""Batches that are ours at a time: one being settled, one next, the others for retries. In
proportion, so that a source that is let in slowly does not hoard what it cannot settle soon."""
WIDEST_WINDOW = 1_000
"""Unsettled messages; a quorum queue allows 2,000."""
LIMITS_SINCE = 4
"""The version of RabbitMQ from which quorum queues drop what came back 20 times, if not told."""


class RabbitmqDelivery:
    """One message. Its `position` is its message id, or else a digest: see `message.position_of`.

    Attributes:
        body: as it was sent.
        attempt: how often a quorum queue delivered it; at most 2 for a classic queue.
        published_at: the property `timestamp`, or when we first saw it.
    """

    def __init__(
        self, message: DeliveredMessage, subscription: Subscription, queue: str, now: datetime
    ) -> None:
        self._message = message
        self._subscription = subscription
        self._queue = queue
        self._settled = False
        self.body = message.body
        self.attempt = attempt_of(message)
        self.published_at = published_at(message, now)

    @cached_property
    def headers(self) -> dict[str, str]:
        """The table of headers and the properties: see `message.headers_of`."""
        return headers_of(self._message)

    @property
    def subject(self) -> str:
        """The routing key."""
        return self._message.routing_key or ""

    @cached_property
    def position(self) -> str:
        """The same with every delivery."""
        return position_of(self._queue, self._message)

    async def ack(self) -> None:
        """Never again; raises UnavailableError if RabbitMQ cannot be told: then it comes again."""
        if not self._settled:
            self._settled = True
            await self._subscription.ack(tag_of(self._message))

    async def retry(self, delay: timedelta) -> None:
        """Again after the delay, or as soon as the deliveries are closed."""
        if not self._settled:
            self._settled = True
            self._subscription.hold(tag_of(self._message), delay)

    async def dead(self, reason: str) -> None:
        """Never again: acked, so that no exchange for dead letters gets it too."""
        del reason
        await self.ack()


class RabbitmqConsumer:
    """A queue; several processes share it, each message goes to one of them."""

    def __init__(self, connection: RabbitmqConnection, clock: Clock, *, queue: str) -> None:
        self._connection = connection
        self._clock = clock
        self._queue = queue

    async def deliveries(self, batch: int) -> AsyncIterator[Sequence[RabbitmqDelivery]]:
        """Batches until cancelled; what is not settled by then is delivered again.

        Raises:
            UnavailableError: RabbitMQ is away, or ended the subscription. The next call subscribes
                anew, and declares the queue if it is missing.
        """
        await self._connection.declare(self._look, self._make)
        subscription = await Subscription.begin(
            self._connection, self._queue, window=min(WINDOW * batch, WIDEST_WINDOW)
        )
        try:
            while True:
                messages = await subscription.batch(batch)
                now = self._clock.now()
                yield [
                    RabbitmqDelivery(message, subscription, self._queue, now)
                    for message in messages
                ]
        finally:
            await subscription.end()

    async def _look(self, channel: AbstractChannel) -> None:
        await channel.queue_declare(self._queue, passive=True)

    async def _make(self, channel: AbstractChannel) -> None:
        """Without a limit of deliveries: we bury what cannot be processed, with its reason."""
        arguments: dict[str, FieldValue] = {"x-queue-type": "quorum"}
        if server_version(channel) >= LIMITS_SINCE:
            arguments["x-delivery-limit"] = -1
        await channel.queue_declare(self._queue, durable=True, arguments=arguments)


def server_version(channel: AbstractChannel) -> int:
    """The first number of the server's version; 0 if it does not say one."""
    said = str(channel.connection.server_properties.get("version", ""))
    major = said.partition(".")[0]
    return int(major) if major.isdecimal() else 0
