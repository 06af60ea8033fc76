"""Consumers of sources on NATS: streams of others, work queues, and who claims what."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
from nats.js import JetStreamContext
from nats.js.api import RetentionPolicy
from tests.brokers.nats import make_streams_anew

from activity_core.adapters.nats.connection import NatsConnection
from activity_core.adapters.nats.consumer import NatsConsumer, NatsDelivery
from activity_core.adapters.nats.durable import DURABLE
from activity_core.adapters.nats.settings import NatsSettings
from activity_core.adapters.nats.streams import EVENTS_STREAM, INBOX_STREAM
from activity_core.core import ids
from activity_core.core.errors import UnavailableError
from activity_core.embedded.directory import locked
from activity_core.embedded.nats import EmbeddedNats
from activity_core.embedded.ports import choose_ports

NAME = ids.consumer_name("main", "shop")


@pytest.fixture(scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with locked(tmp_path_factory.mktemp("nats")) as data:
        port = choose_ports(["nats"], demanded={}, preferred={})["nats"]
        server = EmbeddedNats(data, port, durable=False)
        await server.start()
        yield server.url
        await server.process.stop()


@pytest.fixture
async def connection(url: str) -> AsyncIterator[NatsConnection]:
    """Over no streams but ours, which are new."""
    made = NatsConnection(NatsSettings(url))
    await make_streams_anew(made)
    yield made
    await made.forget()


@pytest.fixture
async def stream(connection: NatsConnection) -> JetStreamContext:
    return await connection.jetstream()


@asynccontextmanager
async def consuming(consumer: NatsConsumer) -> AsyncIterator[AsyncIterator[NatsDelivery]]:
    async def each() -> AsyncIterator[NatsDelivery]:
        async with aclosing(consumer.deliveries(10)) as batches:  # type: ignore[type-var]
            async for batch in batches:
                for delivery in batch:
                    yield delivery

    async with aclosing(each()) as deliveries:  # type: ignore[type-var]
        yield deliveries


def source(
    connection: NatsConnection, name: str, *subjects: str, stream: str = INBOX_STREAM
) -> NatsConsumer:
    return NatsConsumer(
        connection, durable=ids.consumer_name("main", name), stream=stream, subjects=subjects
    )


async def next_body(deliveries: AsyncIterator[NatsDelivery]) -> bytes:
    async with asyncio.timeout(10):
        delivery = await anext(deliveries)
    await delivery.ack()
    return delivery.body


async def begin(consumer: NatsConsumer) -> None:
    """Ask for the first message."""
    async with asyncio.timeout(10), consuming(consumer) as deliveries:
        await anext(deliveries)


async def durables(stream: JetStreamContext, name: str = INBOX_STREAM) -> set[str]:
    return {info.name for info in await stream.consumers_info(name)}


@pytest.mark.parametrize("retention", RetentionPolicy)
async def test_a_stream_of_somebody_elses(
    connection: NatsConnection, stream: JetStreamContext, retention: RetentionPolicy
):
    await stream.add_stream(name="SHOP", subjects=["shop.>"], retention=retention, max_msgs=7)
    consumer = source(connection, "shop", stream="SHOP")
    async with consuming(consumer) as deliveries:
        if retention is RetentionPolicy.INTEREST:  # keeps only what a consumer was there for
            await stream.add_consumer(
                "SHOP",
                durable_name=ids.consumer_name("main", "shop"),
                name=ids.consumer_name("main", "shop"),
            )
        await stream.publish("shop.paid", b"1")
        assert await next_body(deliveries) == b"1"
    assert (await stream.stream_info("SHOP")).config.max_msgs == 7


async def test_only_the_subjects_of_the_source(
    connection: NatsConnection, stream: JetStreamContext
):
    await stream.add_stream(name="SHOP", subjects=["shop.>"])
    for subject in ("shop.a.x", "shop.b", "shop.c", "shop.b"):
        await stream.publish(subject, subject.encode())
    consumer = source(connection, "shop", "shop.a.*", "shop.b", stream="SHOP")
    async with consuming(consumer) as deliveries:
        found = [await next_body(deliveries) for _ in range(3)]
    assert found == [b"shop.a.x", b"shop.b", b"shop.b"]


async def test_a_stream_that_is_missing_is_its_owners_to_make(
    connection: NatsConnection, stream: JetStreamContext
):
    with pytest.raises(UnavailableError, match="stream SHOP") as caught:
        await begin(source(connection, "shop", stream="SHOP"))
    assert "owner" in str(caught.value.hint)
    assert {str(info.config.name) for info in await stream.streams_info()} == {
        INBOX_STREAM,
        EVENTS_STREAM,
    }
    # It is nobody else's trouble: the link stays.
    assert await connection.jetstream() is stream


async def test_a_durable_that_its_owner_made_is_left_as_it_is(
    connection: NatsConnection, stream: JetStreamContext
):
    await stream.add_stream(name="SHOP", subjects=["shop.>"])
    await stream.add_consumer("SHOP", name=NAME, durable_name=NAME, ack_wait=77, max_ack_pending=3)
    await stream.publish("shop.paid", b"1")
    async with consuming(source(connection, "shop", "shop.>", stream="SHOP")) as deliveries:
        assert await next_body(deliveries) == b"1"
    config = (await stream.consumer_info("SHOP", NAME)).config
    assert (config.ack_wait, config.max_ack_pending, config.filter_subject) == (77, 3, None)


@pytest.mark.parametrize("retention", [RetentionPolicy.LIMITS, RetentionPolicy.WORK_QUEUE])
async def test_a_source_may_come_to_take_other_subjects(
    connection: NatsConnection, stream: JetStreamContext, retention: RetentionPolicy
):
    await stream.add_stream(name="SHOP", subjects=["shop.>"], retention=retention)
    await stream.publish("shop.b", b"b before")
    await stream.publish("shop.a", b"a")
    async with consuming(source(connection, "shop", "shop.a", stream="SHOP")) as deliveries:
        assert await next_body(deliveries) == b"a"
    async with consuming(source(connection, "shop", "shop.b", stream="SHOP")) as deliveries:
        if retention is RetentionPolicy.WORK_QUEUE:  # where nothing may lie about for ever
            assert await next_body(deliveries) == b"b before"
        await stream.publish("shop.a", b"a again")
        await stream.publish("shop.b", b"b")
        assert await next_body(deliveries) == b"b"


async def test_a_source_that_claims_part_of_the_inbox_replaces_the_built_in_one(
    connection: NatsConnection, stream: JetStreamContext
):
    await stream.publish("events.shop.a", b"1")
    async with consuming(NatsConsumer(connection)) as deliveries:
        first = await anext(deliveries)  # and is never settled
    assert await durables(stream) == {DURABLE}
    await stream.publish("events.other", b"2")
    async with consuming(source(connection, "shop", "events.shop.>")) as deliveries:
        again = await anext(deliveries)
        assert (again.body, again.position) == (b"1", first.position)
        await again.ack()
    assert await durables(stream) == {NAME}
    # What nobody claims waits until somebody does.
    async with consuming(NatsConsumer(connection)) as deliveries:
        assert await next_body(deliveries) == b"2"
    assert await durables(stream) == {DURABLE}


async def test_sources_share_the_inbox_where_they_do_not_overlap(
    connection: NatsConnection, stream: JetStreamContext
):
    await stream.publish("events.shop.a", b"shop")
    await stream.publish("events.till.a", b"till")
    shop, till = (source(connection, name, f"events.{name}.>") for name in ("shop", "till"))
    async with consuming(shop) as from_shop, consuming(till) as from_till:
        assert await next_body(from_till) == b"till"
        assert await next_body(from_shop) == b"shop"
    assert await durables(stream) == {NAME, ids.consumer_name("main", "till")}
    async with consuming(NatsConsumer(connection)) as deliveries:
        await stream.publish("events.shop.a", b"all")
        assert await next_body(deliveries) == b"all"
    assert await durables(stream) == {DURABLE}


async def test_whoever_still_asks_keeps_its_subjects(url: str, connection: NatsConnection):
    """Another process may not know yet that a source claims the stream."""
    stream = await connection.jetstream()
    other = NatsConnection(NatsSettings(url))
    built_in = await (await other.jetstream()).pull_subscribe("", DURABLE, INBOX_STREAM)
    waiting = asyncio.ensure_future(built_in.fetch(1, timeout=30))
    await _asked(stream)
    claim = source(connection, "shop", "events.shop.>")
    with pytest.raises(UnavailableError, match=f"consumer {DURABLE} takes the same subjects"):
        await begin(claim)
    await stream.publish("events.shop.a", b"1")
    [message] = await waiting
    await message.nak()
    async with consuming(claim) as deliveries:
        assert await next_body(deliveries) == b"1"
    await other.forget()


async def _asked(stream: JetStreamContext) -> None:
    async with asyncio.timeout(10):
        while not (await stream.consumer_info(INBOX_STREAM, DURABLE)).num_waiting:  # noqa: ASYNC110 - the server tells only who asks
            await asyncio.sleep(0.01)


async def test_a_consumer_that_is_not_ours_is_never_removed(
    connection: NatsConnection, stream: JetStreamContext
):
    await stream.add_consumer(INBOX_STREAM, name="theirs", durable_name="theirs")
    with pytest.raises(UnavailableError, match="consumer theirs takes the same subjects"):
        await begin(NatsConsumer(connection))
    assert await durables(stream) == {"theirs"}


async def test_a_durable_that_is_removed_while_it_is_asked_is_made_again(
    connection: NatsConnection, stream: JetStreamContext
):
    consumer = NatsConsumer(connection)
    async with consuming(consumer) as deliveries:
        await stream.publish("events.x", b"1")
        await anext(deliveries)
        await stream.delete_consumer(INBOX_STREAM, DURABLE)
        with pytest.raises(UnavailableError):
            await anext(deliveries)
    async with consuming(consumer) as deliveries:
        assert await next_body(deliveries) == b"1"


async def test_the_inbox_stream_is_made_again_if_it_is_removed(
    connection: NatsConnection, stream: JetStreamContext
):
    await stream.delete_stream(INBOX_STREAM)
    with pytest.raises(UnavailableError):
        await begin(NatsConsumer(connection))
    async with consuming(NatsConsumer(connection)) as deliveries:
        await stream.publish("events.x", b"1")
        assert await next_body(deliveries) == b"1"


async def test_streams_are_made_only_if_we_may(url: str, connection: NatsConnection):
    stream = await connection.jetstream()
    await stream.delete_stream(EVENTS_STREAM)
    careful = NatsConnection(NatsSettings(url, make_streams=False))
    await careful.check()
    await careful.restore_streams()
    assert {str(info.config.name) for info in await stream.streams_info()} == {INBOX_STREAM}
    await careful.forget()
