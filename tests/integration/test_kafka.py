"""What of Kafka the contract of brokers does not cover: watermarks, bounds, incarnations."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from itertools import count

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.protocol.metadata import MetadataRequest_v5
from tests.brokers.kafka_topics import committed, drop_topic, make_topic, send

from activity_core.adapters.kafka import member as member_module
from activity_core.adapters.kafka.connection import KafkaConnection
from activity_core.adapters.kafka.consumer import KafkaConsumer
from activity_core.adapters.kafka.delivery import KafkaDelivery
from activity_core.adapters.kafka.publisher import KafkaPublisher
from activity_core.adapters.kafka.settings import KafkaSettings
from activity_core.adapters.kafka.topics import TopicsRequest
from activity_core.core.errors import UnavailableError

GROUP = "activity-core-main-shop"
_numbers = count(1)


@pytest.fixture
async def topic(kafka_address: str) -> str:
    """An empty topic of one partition."""
    name = f"shop-{next(_numbers)}"
    await make_topic(kafka_address, name)
    return name


@pytest.fixture
async def connection(kafka_address: str) -> AsyncIterator[KafkaConnection]:
    connection = KafkaConnection(KafkaSettings(kafka_address))
    yield connection
    await connection.forget()


@pytest.fixture
def shop(connection: KafkaConnection, topic: str) -> KafkaConsumer:
    return KafkaConsumer(connection, group=f"{GROUP}-{topic}", topics=[topic])


async def stream(consumer: KafkaConsumer, batch: int = 10) -> AsyncIterator[KafkaDelivery]:
    async with aclosing(consumer.deliveries(batch)) as batches:  # type: ignore[type-var]
        async for deliveries in batches:
            for delivery in deliveries:
                yield delivery


async def following(deliveries: AsyncIterator[KafkaDelivery]) -> KafkaDelivery:
    """The next one, or TimeoutError."""
    async with asyncio.timeout(20):
        return await anext(deliveries)


async def settle_all(deliveries: AsyncIterator[KafkaDelivery]) -> None:
    while True:
        await (await following(deliveries)).ack()


async def bodies(consumer: KafkaConsumer, number: int) -> list[bytes]:
    """The next so many, not settled."""
    async with aclosing(stream(consumer)) as deliveries:  # type: ignore[type-var]
        return [(await following(deliveries)).body for _ in range(number)]


async def test_only_what_has_nothing_unsettled_before_it_is_committed(
    kafka_address: str, topic: str, shop: KafkaConsumer
):
    await send(kafka_address, topic, b"0", b"1", b"2", b"3")
    async with aclosing(stream(shop)) as deliveries:  # type: ignore[type-var]
        first, second, third, _ = [await following(deliveries) for _ in range(4)]
        await third.ack()
        await second.dead("event_invalid")
        await first.ack()
        await third.retry(timedelta())
    assert await committed(kafka_address, f"{GROUP}-{topic}") == {0: 3}
    assert await bodies(shop, 1) == [b"3"]


async def test_it_commits_while_it_waits_for_more(
    kafka_address: str, topic: str, shop: KafkaConsumer
):
    await send(kafka_address, topic, b"0")
    async with aclosing(stream(shop)) as deliveries:  # type: ignore[type-var]
        await (await following(deliveries)).ack()
        waiting = asyncio.ensure_future(following(deliveries))
        async with asyncio.timeout(10):
            while not await committed(kafka_address, f"{GROUP}-{topic}"):
                pass
        await send(kafka_address, topic, b"1")
        assert (await waiting).body == b"1"


async def test_a_retry_holds_the_watermark_but_not_what_is_behind_it(
    kafka_address: str, topic: str, shop: KafkaConsumer
):
    await send(kafka_address, topic, b"0", b"1")
    async with aclosing(stream(shop)) as deliveries:  # type: ignore[type-var]
        first, second = [await following(deliveries) for _ in range(2)]
        await first.retry(timedelta(seconds=1.5))
        await second.ack()
        await send(kafka_address, topic, b"2")
        third, again = [await following(deliveries) for _ in range(2)]
        assert (third.body, again.body) == (b"2", b"0")
        assert (first.attempt, again.attempt, third.attempt) == (1, 2, 1)
        assert again.position == first.position
        assert await committed(kafka_address, f"{GROUP}-{topic}") == {}
        await third.ack()
        await again.ack()
    assert await committed(kafka_address, f"{GROUP}-{topic}") == {0: 3}


async def test_no_more_than_so_many_are_unsettled(
    kafka_address: str, topic: str, shop: KafkaConsumer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(member_module, "MOST_UNSETTLED", 2)
    await send(kafka_address, topic, b"0", b"1", b"2", b"3")
    async with aclosing(shop.deliveries(10)) as batches:  # type: ignore[type-var]
        held = [*await anext(batches)]
        while len(held) < 2:
            held += await anext(batches)
        more = asyncio.ensure_future(anext(batches))
        await asyncio.wait([more], timeout=1.5)
        assert not more.done()
        await held[1].ack()
        [third] = await more
        assert (len(held), third.body) == (2, b"2")


async def test_what_is_settled_after_the_end_comes_again(
    kafka_address: str, topic: str, shop: KafkaConsumer
):
    await send(kafka_address, topic, b"0")
    async with aclosing(stream(shop)) as deliveries:  # type: ignore[type-var]
        late = await following(deliveries)
    await late.ack()
    await late.retry(timedelta())
    assert await bodies(shop, 1) == [b"0"]


async def test_headers_come_as_text(kafka_address: str, topic: str, shop: KafkaConsumer):
    headers = [("ce_id", "é".encode()), ("x", b"\xff"), ("x", b"2"), ("empty", None)]
    await send(kafka_address, topic, b"\x00\xff", headers=headers)
    async with aclosing(stream(shop)) as deliveries:  # type: ignore[type-var]
        delivery = await following(deliveries)
    assert delivery.headers == {"ce_id": "é", "x": "\\xff, 2", "empty": ""}
    assert delivery.body == b"\x00\xff"


@pytest.mark.parametrize("count_of_new", [1, 3])
async def test_a_topic_made_anew_is_another_one(
    kafka_address: str, topic: str, shop: KafkaConsumer, count_of_new: int
):
    """Also for a member that has it open: it must not skip what is new under old offsets."""
    await send(kafka_address, topic, b"old 0", b"old 1")
    async with aclosing(stream(shop)) as deliveries:  # type: ignore[type-var]
        old = await following(deliveries)
        await old.ack()
        await (await following(deliveries)).ack()
        await drop_topic(kafka_address, topic)
        await asyncio.sleep(0.5)  # as long as an owner may take
        await make_topic(kafka_address, topic)
        await send(kafka_address, topic, *[b"new %d" % n for n in range(count_of_new)])
        with pytest.raises(UnavailableError, match=r"anew|no such topic"):
            await settle_all(deliveries)
    async with aclosing(stream(shop)) as deliveries:  # type: ignore[type-var]
        new = await following(deliveries)
    assert new.body == b"new 0"
    assert new.position.split("/")[1:] == old.position.split("/")[1:]
    assert new.position != old.position


async def test_aborted_transactions_are_not_read(
    kafka_address: str, topic: str, shop: KafkaConsumer
):
    producer = AIOKafkaProducer(bootstrap_servers=kafka_address, transactional_id=topic)
    await producer.start()
    for body, ending in ((b"0", "abort"), (b"1", "commit"), (b"2", "abort"), (b"3", "commit")):
        await producer.begin_transaction()
        await producer.send_and_wait(topic, body)
        await getattr(producer, f"{ending}_transaction")()
    await producer.stop()
    async with aclosing(stream(shop)) as deliveries:  # type: ignore[type-var]
        for expected in (b"1", b"3"):
            delivery = await following(deliveries)
            assert delivery.body == expected
            await delivery.ack()
    [reached] = (await committed(kafka_address, f"{GROUP}-{topic}")).values()
    assert reached == int(delivery.position.rpartition("/")[2]) + 1


async def test_a_topic_that_is_not_there_is_named(connection: KafkaConnection):
    nobody = KafkaConsumer(connection, group=GROUP, topics=["nowhere"])
    with pytest.raises(UnavailableError, match=r"Kafka topic nowhere: there is no such topic"):
        await anext(nobody.deliveries(1))
    with pytest.raises(UnavailableError, match=r"Kafka topic nowhere: there is no such topic"):
        await KafkaPublisher(connection, topic="nowhere").publish("1", "a.b", b"", key="")


async def test_a_cluster_without_topic_ids_is_told_by_its_own(
    connection: KafkaConnection, topic: str, monkeypatch: pytest.MonkeyPatch
):
    today = await connection.incarnations([topic])
    monkeypatch.setattr(TopicsRequest, "_CLASSES", (MetadataRequest_v5,))
    [name] = (await connection.incarnations([topic])).values()
    assert name.endswith(f".{topic}")
    assert name != today[topic]


async def test_an_event_that_no_topic_takes_says_so_and_stops_no_other_key(
    connection: KafkaConnection, topic: str, shop: KafkaConsumer
):
    publisher = KafkaPublisher(connection, topic=topic)
    keys = [f"k{number}" for number in range(20)]
    for _ in range(2):
        async with asyncio.TaskGroup() as group:
            large = group.create_task(_refusal(publisher))
            for key in keys:
                group.create_task(publisher.publish(key, "a.b", key.encode(), key=key))
        assert "larger than the topic takes (raise the topic's max.message.bytes" in large.result()
    await publisher.publish("last", "a.b", bytes(1_000_010), key="k1")
    await publisher.close()
    found = await bodies(shop, 2 * len(keys) + 1)
    assert sorted(found[:-1]) == sorted([key.encode() for key in keys] * 2)
    assert len(found[-1]) == 1_000_010


async def _refusal(publisher: KafkaPublisher) -> str:
    with pytest.raises(UnavailableError) as refused:
        await publisher.publish("1", "a.b", bytes(2 << 20), key="large")
    return str(refused.value)
