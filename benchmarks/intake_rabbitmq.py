"""RabbitMQ for the benchmark of intake: two quorum queues, which get the same."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import aiormq
from aiormq.abc import AbstractChannel, AbstractConnection, DeliveredMessage
from pamqp.commands import Basic

from activity_core.adapters.rabbitmq.consumer import WIDEST_WINDOW
from activity_core.adapters.rabbitmq.message import tag_of
from activity_core.services.intake import BATCH
from benchmarks.intake_bare import Batch
from benchmarks.intake_orders import HEADERS

QUEUE, BARE = "bench", "bare"
EXCHANGE = "bench"
_UNDER_WAY = 500


class Rabbitmq:
    """See `intake.Broker`; made by `broker`."""

    name = "RabbitMQ"
    way = f"rabbitmq: {{queue: {QUEUE}}}"

    def __init__(self, link: AbstractConnection, sender: AbstractChannel) -> None:
        self._link = link
        self._sender = sender

    @classmethod
    @asynccontextmanager
    async def broker(cls, url: str) -> AsyncIterator["Rabbitmq"]:
        """On a running server, with what the source takes from, and nothing in it."""
        link = await aiormq.connect(url)
        try:
            sender = await link.channel(publisher_confirms=True)
            await sender.exchange_declare(EXCHANGE, exchange_type="fanout", durable=True)
            for queue in (QUEUE, BARE):
                await sender.queue_declare(
                    queue, durable=True, arguments={"x-queue-type": "quorum"}
                )
                await sender.queue_bind(queue, EXCHANGE)
            yield cls(link, sender)
        finally:
            await link.close()

    async def send(self, bodies: Sequence[bytes]) -> None:
        """See `intake.Broker`."""
        properties = Basic.Properties(content_type=HEADERS["content-type"], delivery_mode=2)
        for start in range(0, len(bodies), _UNDER_WAY):
            await asyncio.gather(
                *(
                    self._sender.basic_publish(body, exchange=EXCHANGE, properties=properties)
                    for body in bodies[start : start + _UNDER_WAY]
                )
            )

    async def batches(self) -> AsyncIterator[Batch]:
        """See `intake.Broker`."""
        channel = await self._link.channel()
        arrived: asyncio.Queue[DeliveredMessage] = asyncio.Queue()
        await channel.basic_qos(prefetch_count=WIDEST_WINDOW)
        await channel.basic_consume(BARE, arrived.put)
        try:
            while True:
                messages = [await arrived.get()]
                while len(messages) < BATCH and not arrived.empty():
                    messages.append(arrived.get_nowait())

                last = tag_of(messages[-1])
                acknowledge = partial(channel.basic_ack, last, multiple=True, wait=False)
                yield [message.body for message in messages], acknowledge
        finally:
            await channel.close()
