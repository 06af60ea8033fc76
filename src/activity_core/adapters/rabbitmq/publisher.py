"""Events out to RabbitMQ: confirmed and persistent, routing key = the event's type."""

import asyncio

from aiormq.abc import AbstractChannel
from pamqp.commands import Basic

from activity_core.adapters.rabbitmq.connection import (
    ANSWER_WITHIN,
    RabbitmqConnection,
    unavailable_if_failing,
)
from activity_core.core.errors import UnavailableError
from activity_core.core.event.binding import STRUCTURED

EXCHANGE = "activity-core.events"
"""A topic exchange; subscribers bind queues of theirs to it. Without any, events go nowhere."""
PERSISTENT = 2


class RabbitmqPublisher:
    """Publishes to the exchange, on one channel of its own, so that order is kept."""

    def __init__(self, connection: RabbitmqConnection) -> None:
        self._connection = connection
        self._channel: AbstractChannel | None = None
        self._lock = asyncio.Lock()

    async def publish(self, event_id: str, event_type: str, body: bytes, *, key: str) -> None:
        """Returns once every queue that is bound has stored it; the message id is the event's.

        Whoever awaits one before the next keeps the order of the events of a `key`.

        Raises:
            UnavailableError: not confirmed.
        """
        del key
        channel = await self._ready()
        properties = Basic.Properties(
            content_type=STRUCTURED,
            delivery_mode=PERSISTENT,
            message_id=event_id,
            message_type=event_type,
            app_id="activity-core",
        )
        try:
            with unavailable_if_failing():
                await channel.basic_publish(
                    body,
                    exchange=EXCHANGE,
                    routing_key=event_type,
                    properties=properties,
                    timeout=ANSWER_WITHIN,
                )
        except UnavailableError as error:
            if isinstance(error.__cause__, TimeoutError) and self._channel is channel:
                self._channel = None
                await self._connection.forget()  # a link that does not answer
            raise

    async def _ready(self) -> AbstractChannel:
        async with self._lock:
            if self._channel is None or self._channel.is_closed:
                await self._connection.declare(_look, _make)
                self._channel = await self._connection.channel(confirms=True)
            return self._channel


async def _look(channel: AbstractChannel) -> None:
    await channel.exchange_declare(EXCHANGE, passive=True)


async def _make(channel: AbstractChannel) -> None:
    await channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
