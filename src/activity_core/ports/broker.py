"""The broker: where events come from and go to.

`services.intake` consumes deliveries, `services.relay` publishes. Delivery is at least once in
both directions; the inbox and the subscribers dedupe. NATS JetStream, Kafka and RabbitMQ keep it.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

UNREADABLE = "activity-core-unreadable"
"""A header by which an adapter says why it could not read the message as its protocol has it.

Body and other headers are what could be had. `services.intake` buries it, whatever else it says.
"""


class Delivery(Protocol):
    """One message, to be settled exactly one way."""

    @property
    def body(self) -> bytes:
        """As it was sent."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """As they were sent, names too; what is no text is written as text.

        The content type is `content-type`, also where the protocol has a field of its own for it.
        """
        ...

    @property
    def subject(self) -> str:
        """The subject, topic or routing key that it was sent to."""
        ...

    @property
    def position(self) -> str:
        """Stream incarnation and sequence: identifies the message for ever."""
        ...

    @property
    def attempt(self) -> int:
        """Which delivery of the message this is, from 1, as far as the broker counts."""
        ...

    @property
    def published_at(self) -> datetime:
        """When the broker stored it."""
        ...

    async def ack(self) -> None:
        """It is durable on our side; never deliver it again."""
        ...

    async def retry(self, delay: timedelta) -> None:
        """Deliver it again after a while."""
        ...

    async def dead(self, reason: str) -> None:
        """It is in our dead letters; never deliver it again."""
        ...


class Consumer(Protocol):
    """A durable subscription; several processes share one, each message goes to one of them."""

    def deliveries(self, batch: int) -> AsyncIterator[Sequence[Delivery]]:
        """Batches of at least one and at most `batch` messages, until closed.

        Raises:
            UnavailableError: the broker cannot be reached; ask again later.
        """
        ...


class Publisher(Protocol):
    """Confirmed publishing to the outbound stream."""

    async def publish(self, event_id: str, event_type: str, body: bytes, *, key: str) -> None:
        """Returns once the broker has stored it; the events of one `key` stay in order.

        A repeated `event_id` is stored once where the broker can tell (NATS, for ten minutes).

        Raises:
            UnavailableError: not confirmed; it may or may not be stored. Publish it again.
        """
        ...
