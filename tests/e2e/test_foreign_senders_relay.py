"""Our own events on Kafka and RabbitMQ, as a plain consumer of either sees them."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from aiokafka import AIOKafkaConsumer
from tests.api import cloudevent
from tests.brokers.kafka_topics import drop_topic, make_topic
from tests.senders.installation import installation

DEFINITION = """
id: announced
trigger: {event: {type: announced.*}}
rules:
  - id: all
    tasks: [{id: look, human: {title: Look}}]
"""
OURS = "activity-core.events"
"""Kafka's topic, and RabbitMQ's exchange."""
CREATED = "activity-core.task.created.v1"
Heard = AsyncIterator[tuple[str, str, dict[str, Any]]]
"""Key or routing key, content type, and the event."""


@asynccontextmanager
async def kafka_reader(address: str) -> AsyncIterator[Heard]:
    async def heard(consumer: AIOKafkaConsumer) -> Heard:
        async for message in consumer:
            headers = dict(message.headers)
            assert headers["ce_type"].decode() == json.loads(message.value)["type"]
            yield message.key.decode(), headers["content-type"].decode(), json.loads(message.value)

    await make_topic(address, OURS, partitions=3)
    consumer = AIOKafkaConsumer(OURS, bootstrap_servers=address, auto_offset_reset="earliest")
    await consumer.start()
    try:
        yield heard(consumer)
    finally:
        await consumer.stop()
        await drop_topic(address, OURS)


@asynccontextmanager
async def rabbitmq_reader(url: str) -> AsyncIterator[Heard]:
    async def heard(queue: aio_pika.abc.AbstractQueue) -> Heard:
        async with queue.iterator() as messages:
            async for message in messages:
                async with message.process():
                    key, content_type = message.routing_key or "", message.content_type or ""
                    assert message.message_id == json.loads(message.body)["id"]
                    yield key, content_type, json.loads(message.body)

    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange(OURS, "topic", durable=True)
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(exchange, "activity-core.task.*.v1")
        yield heard(queue)


Reader = Callable[[str], AbstractAsyncContextManager[Heard]]
READERS: dict[str, tuple[str, str, Reader]] = {
    "kafka": ("kafka_address", "ACTIVITY_CORE_KAFKA_SERVERS", kafka_reader),
    "rabbitmq": ("rabbitmq_url", "RABBITMQ", rabbitmq_reader),
}


@pytest.mark.parametrize("broker", READERS)
async def test_a_created_task_is_announced(
    broker: str, postgres_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    fixture, setting, reader = READERS[broker]
    address: str = request.getfixturevalue(fixture)
    settings = {
        "ACTIVITY_CORE_DATABASE_URL": postgres_url,
        "ACTIVITY_CORE_EVENTS_TO": broker,
        "ACTIVITY_CORE_RABBITMQ_URL": "env:RABBITMQ",
        setting: address,
    }
    if broker != "rabbitmq":
        del settings["ACTIVITY_CORE_RABBITMQ_URL"]
    event = cloudevent(f"announced.{broker}", f"to-{broker}")
    async with reader(address) as heard, installation(tmp_path, **settings) as stack:
        await stack.api.apply(DEFINITION)
        await stack.api.send(event)
        run = await stack.api.run_of(event, "completed")
        key, content_type, envelope = await anext(
            each async for each in heard if each[2]["type"] == CREATED
        )
        assert key == {"kafka": run["run_id"], "rabbitmq": CREATED}[broker]
        assert content_type.startswith("application/cloudevents+json")
        assert envelope["data"]["run_id"] == run["run_id"]
        assert CREATED in await stack.api.announced(run["run_id"])
