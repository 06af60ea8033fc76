"""RabbitMQ in the contract of brokers: a quorum queue of the bench's own, and one that listens.

The exchange is everybody's; what was published before the bench began is not in its queue.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from secrets import token_hex

from aiormq.abc import AbstractChannel
from pamqp.commands import Basic
from pamqp.common import FieldTable
from tests.contract.broker_bench import Bench, Published

from activity_core.adapters.rabbitmq.connection import RabbitmqConnection
from activity_core.adapters.rabbitmq.consumer import RabbitmqConsumer
from activity_core.adapters.rabbitmq.publisher import EXCHANGE, RabbitmqPublisher
from activity_core.adapters.rabbitmq.settings import RabbitmqSettings
from activity_core.adapters.system_clock import SystemClock

NOBODY = "amqp://guest:guest@127.0.0.1:1/"


@asynccontextmanager
async def bench(url: str) -> AsyncIterator[Bench]:
    """`url`: of a user who may do everything."""
    queue, listener = f"inbox-{token_hex(4)}", f"listener-{token_hex(4)}"
    async with AsyncExitStack() as stack:

        async def link(address: str = url) -> RabbitmqConnection:
            connection = RabbitmqConnection(RabbitmqSettings(address))
            stack.push_async_callback(connection.forget)
            return connection

        channel = await (await link()).channel(confirms=True)
        await channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
        await channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
        await channel.queue_declare(listener, exclusive=True)
        await channel.queue_bind(listener, EXCHANGE, "#")

        async def send(body: bytes, headers: dict[str, str]) -> None:
            await publish(channel, body, queue, headers)

        async def successor() -> RabbitmqConsumer:
            return RabbitmqConsumer(await link(), SystemClock(), queue=queue)

        async def pass_time(duration: timedelta) -> None:
            await asyncio.sleep(duration.total_seconds())  # a server has its own clock

        seen: list[Published] = []

        async def published() -> Sequence[Published]:
            while event := await taken(channel, listener):
                seen.append(event)
            return list(seen)

        yield Bench(
            consumer=await successor(),
            publisher=RabbitmqPublisher(await link()),
            successor=successor,
            unreachable=(
                RabbitmqConsumer(await link(NOBODY), SystemClock(), queue=queue),
                RabbitmqPublisher(await link(NOBODY)),
            ),
            send=send,
            pass_time=pass_time,
            published=published,
            dedupes=False,
        )
        await channel.queue_delete(queue)


async def publish(
    channel: AbstractChannel, body: bytes, queue: str, headers: dict[str, str]
) -> None:
    """Straight to a queue; the content type is a property."""
    table: FieldTable = {name: value for name, value in headers.items() if name != "content-type"}
    properties = Basic.Properties(
        headers=table or None, content_type=headers.get("content-type"), delivery_mode=2
    )
    await channel.basic_publish(body, routing_key=queue, properties=properties)


async def taken(channel: AbstractChannel, queue: str) -> Published | None:
    """The next event of a queue, if there is one."""
    message = await channel.basic_get(queue, no_ack=True)
    if isinstance(message.delivery, Basic.GetEmpty):
        return None
    properties = message.header.properties
    return Published(str(properties.message_id), str(message.routing_key), message.body)
