"""The broker: where events come from and go to.

`services.intake` consumes deliveries, `services.relay` publishes. Delivery is at least once in
both directions; the inbox and the subscribers dedupe.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol


class Delivery(Protocol):
    """One message, to be settled exactly one way."""

    @property
    def body(self) -> bytes:
        """As it was sent."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """As they were sent."""
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
    """A durable subscription to the inbound stream."""

    def deliveries(self, batch: int) -> AsyncIterator[Sequence[Delivery]]:
        """Batches of at least one and at most `batch` messages, until closed.

        Raises:
            UnavailableError: the broker cannot be reached; ask again later.
        """
        ...


class Publisher(Protocol):
    """Confirmed publishing to the outbound stream."""

    async def publish(self, event_id: str, event_type: str, body: bytes) -> None:
        """Returns once the broker has stored it; a repeated `event_id` is stored once.

        Raises:
            UnavailableError: not confirmed; it may or may not be stored. Publish it again.
        """
        ...
