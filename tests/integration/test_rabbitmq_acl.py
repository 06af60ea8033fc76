"""The example of permissions, applied to a server: each user may do its work and nothing else."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import pytest
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ChannelAccessRefused
from pamqp.commands import Basic
from tests.brokers.rabbitmq import RabbitmqServer

from activity_core.adapters.rabbitmq.connection import RabbitmqConnection, left
from activity_core.adapters.rabbitmq.consumer import RabbitmqConsumer
from activity_core.adapters.rabbitmq.publisher import EXCHANGE, RabbitmqPublisher
from activity_core.adapters.rabbitmq.settings import RabbitmqSettings
from activity_core.adapters.system_clock import SystemClock
from activity_core.core.errors import UnavailableError

DEFINITIONS = Path(__file__).parents[2] / "deploy/brokers/rabbitmq/definitions.json"
INBOX = "activity-core.inbox"
INGEST, RELAY, SHOP = "activity-core-ingest", "activity-core-relay", "shop"
PERSISTENT = Basic.Properties(delivery_mode=2)


@pytest.fixture(scope="module")
async def server(rabbitmq: RabbitmqServer) -> RabbitmqServer:
    await rabbitmq.control("import_definitions", str(DEFINITIONS))
    with pytest.raises(UnavailableError, match="refused"):
        await RabbitmqConnection(RabbitmqSettings(rabbitmq.url(SHOP, ""))).check()
    for user in (INGEST, RELAY, SHOP):
        await rabbitmq.control("change_password", user, user)
    return rabbitmq


def link(server: RabbitmqServer, user: str) -> RabbitmqConnection:
    return RabbitmqConnection(RabbitmqSettings(server.url(user, user)))


async def test_the_way_of_an_event_is_open(server: RabbitmqServer):
    shop, ingest, relay = (link(server, user) for user in (SHOP, INGEST, RELAY))
    channel = await shop.channel(confirms=True)
    await channel.basic_publish(
        b"1", exchange="events", routing_key="shop.paid", properties=PERSISTENT
    )
    consumer = RabbitmqConsumer(ingest, SystemClock(), queue=INBOX)
    async with aclosing(consumer.deliveries(1)) as deliveries:  # type: ignore[type-var]
        [delivery] = await anext(deliveries)
        assert (delivery.body, delivery.subject) == (b"1", "shop.paid")
        await delivery.ack()
    await RabbitmqPublisher(relay).publish("e1", "activity-core.x.v1", b"{}", key="k")
    for connection in (shop, ingest, relay):
        await connection.forget()


def publishing(exchange: str, key: str) -> Callable[[AbstractChannel], Awaitable[object]]:
    return lambda channel: channel.basic_publish(b"1", exchange=exchange, routing_key=key)


async def getting(channel: AbstractChannel) -> object:
    return await channel.basic_get(INBOX)


async def declaring(channel: AbstractChannel) -> object:
    return await channel.queue_declare("mine", durable=True)


async def deleting(channel: AbstractChannel) -> object:
    return await channel.queue_delete(INBOX)


async def purging(channel: AbstractChannel) -> object:
    return await channel.queue_purge(INBOX)


async def binding(channel: AbstractChannel) -> object:
    return await channel.queue_bind(INBOX, EXCHANGE, "#")


@pytest.mark.parametrize(
    ("user", "deed"),
    [
        (SHOP, publishing("events", "billing.paid")),
        (SHOP, publishing("events", "shopping.paid")),
        (SHOP, publishing(EXCHANGE, "shop.paid")),
        (SHOP, publishing("", INBOX)),
        (SHOP, getting),
        (SHOP, declaring),
        (INGEST, publishing("events", "shop.paid")),
        (INGEST, publishing("", INBOX)),
        (INGEST, declaring),
        (INGEST, deleting),
        (INGEST, binding),
        (RELAY, publishing("events", "shop.paid")),
        (RELAY, publishing("", INBOX)),
        (RELAY, getting),
        (RELAY, purging),
        (RELAY, declaring),
    ],
)
async def test_all_else_is_refused(
    server: RabbitmqServer, user: str, deed: Callable[[AbstractChannel], Awaitable[object]]
):
    connection = link(server, user)
    channel = await connection.channel(confirms=True)
    with pytest.raises(ChannelAccessRefused, match=f"access to .* refused for user '{user}'"):
        await deed(channel)
    await left(channel)
    await connection.forget()


async def test_a_queue_that_may_not_be_made_is_named(server: RabbitmqServer):
    connection = link(server, INGEST)
    consumer = RabbitmqConsumer(connection, SystemClock(), queue="missing")
    with pytest.raises(UnavailableError, match=r"queue 'missing' .* refused for user"):
        await anext(consumer.deliveries(1))
    await connection.forget()
