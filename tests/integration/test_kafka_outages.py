"""Kafka goes away and comes back, in the middle of everything."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from tests.brokers.kafka import KafkaServer, running_kafka
from tests.brokers.kafka_topics import make_topic, send

from activity_core.adapters.kafka import member as member_module
from activity_core.adapters.kafka.connection import KafkaConnection
from activity_core.adapters.kafka.consumer import KafkaConsumer
from activity_core.adapters.kafka.publisher import KafkaPublisher
from activity_core.adapters.kafka.settings import KafkaSettings
from activity_core.core.errors import UnavailableError

TOPIC = "shop"
MESSAGES = 60


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KafkaServer]:
    """A server that may be killed, and forgets soon who was in a group."""
    monkeypatch.setattr(member_module, "SESSION", 2.0)
    async with running_kafka(tmp_path / "kafka") as server:
        await make_topic(server.address, TOPIC)
        yield server


async def test_a_killed_server_is_noticed_and_nothing_is_lost(server: KafkaServer):
    connection = KafkaConnection(KafkaSettings(server.address))
    consumer = KafkaConsumer(connection, group="g", topics=[TOPIC])
    publisher = KafkaPublisher(connection, topic=TOPIC)
    for number in range(MESSAGES):
        await publisher.publish(f"e{number}", "a.b", b"%d" % number, key="k")
    seen: list[bytes] = []

    async def consume() -> None:
        async with aclosing(consumer.deliveries(10)) as batches:  # type: ignore[type-var]
            async for deliveries in batches:
                seen.extend([delivery.body for delivery in deliveries])
                for delivery in deliveries:
                    await delivery.ack()
                if len(seen) == MESSAGES // 2:
                    await server.kill()

    with pytest.raises(UnavailableError, match="Kafka"):
        async with asyncio.timeout(30):
            await consume()
    with pytest.raises(UnavailableError, match="Kafka"):
        await connection.check()
    with pytest.raises(UnavailableError, match="Kafka"):
        await publisher.publish("late", "a.b", b"late", key="k")

    await server.start()
    await connection.check()
    await publisher.publish("late", "a.b", b"late", key="k")
    async with asyncio.timeout(30), aclosing(consumer.deliveries(10)) as batches:  # type: ignore[type-var]
        async for deliveries in batches:
            seen.extend([delivery.body for delivery in deliveries])
            if seen[-1] == b"late":
                break
    assert set(seen) == {b"late", *(b"%d" % number for number in range(MESSAGES))}
    await publisher.close()
    await connection.forget()


async def test_a_server_that_is_gone_before_the_first_commit_sends_it_all_again(
    server: KafkaServer,
):
    connection = KafkaConnection(KafkaSettings(server.address))
    consumer = KafkaConsumer(connection, group="g", topics=[TOPIC])
    await send(server.address, TOPIC, b"0", b"1")
    positions = []
    async with asyncio.timeout(60):
        async with aclosing(consumer.deliveries(10)) as batches:  # type: ignore[type-var]
            first = list(await anext(batches))
            for delivery in first:
                await delivery.ack()
            await server.stop()
        await server.start()
        async with aclosing(consumer.deliveries(10)) as batches:  # type: ignore[type-var]
            positions = [delivery.position for delivery in await anext(batches)]
    assert positions[0] == first[0].position
    await connection.forget()
