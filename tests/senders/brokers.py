"""Senders to brokers that are not ours: plain clients, with messages as the Python SDK makes them.

Each broker has two places to send to: one for CloudEvents, one for plain JSON. Kafka's CloudEvents
are sent by its own console producer, NATS has no binding in the SDK but that it looks like HTTP.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import aio_pika
import nats
from aio_pika.abc import AbstractChannel
from aiokafka import AIOKafkaConsumer, TopicPartition
from cloudevents.core.bindings import amqp, http, kafka
from cloudevents.core.v1.event import CloudEvent
from nats.js import JetStreamContext
from tests.brokers.kafka import KafkaServer
from tests.brokers.kafka_topics import committed, make_topic, send

EVENTS, JSON = "{}-events", "{}-json"
"""The ids of a broker's sources; streams, topics and queues are called the same."""


class Sender(Protocol):
    """Sends to the places of one broker."""

    way: ClassVar[Mapping[str, Any]]
    """How sources say where it sends to; `{}` is the place."""

    async def prepare(self, *places: str) -> None: ...

    async def send_events(self, place: str, events: Sequence[CloudEvent]) -> None:
        """In binary mode and in structured mode by turns."""

    async def send_raw(self, place: str, *bodies: bytes) -> None: ...

    async def waiting(self, place: str) -> int:
        """Messages that are not settled."""


@dataclass
class NatsSender:
    stream: JetStreamContext
    way: ClassVar[Mapping[str, Any]] = {"stream": "{}", "subjects": ["from.{}.>"]}

    async def prepare(self, *places: str) -> None:
        for place in places:
            await self.stream.add_stream(name=place, subjects=[f"from.{place}.>"])

    async def send_events(self, place: str, events: Sequence[CloudEvent]) -> None:
        for number, event in enumerate(events):
            message = (http.to_structured_event if number % 2 else http.to_binary_event)(event)
            await self.stream.publish(f"from.{place}.x", message.body, headers=message.headers)

    async def send_raw(self, place: str, *bodies: bytes) -> None:
        for body in bodies:
            await self.stream.publish(f"from.{place}.x", body)

    async def waiting(self, place: str) -> int:
        [info] = await self.stream.consumers_info(place)
        return (info.num_pending or 0) + (info.num_ack_pending or 0)


@dataclass
class KafkaSender:
    server: KafkaServer
    way: ClassVar[Mapping[str, Any]] = {"topics": ["{}"]}

    async def prepare(self, *places: str) -> None:
        for place in places:
            await make_topic(self.server.address, place)

    async def send_events(self, place: str, events: Sequence[CloudEvent]) -> None:
        lines = []
        for number, event in enumerate(events):
            message = (kafka.to_structured_event if number % 2 else kafka.to_binary_event)(event)
            headers = ",".join(
                f"{name}:{value.decode()}" for name, value in message.headers.items()
            )
            lines.append(f"{headers}\t{event.get_id()}\t{message.value.decode()}")
        await self.server.console_producer(place, lines)

    async def send_raw(self, place: str, *bodies: bytes) -> None:
        await send(self.server.address, place, *bodies)

    async def waiting(self, place: str) -> int:
        done = await committed(self.server.address, f"activity-core-main-{place}")
        consumer = AIOKafkaConsumer(bootstrap_servers=self.server.address)
        await consumer.start()
        try:
            ends: Mapping[Any, int] = await consumer.end_offsets([TopicPartition(place, 0)])
        finally:
            await consumer.stop()
        return sum(ends.values()) - sum(done.values())


@dataclass
class RabbitmqSender:
    channel: AbstractChannel
    way: ClassVar[Mapping[str, Any]] = {"queue": "{}"}

    async def prepare(self, *places: str) -> None:
        """Nothing: a queue is made by whoever comes first."""

    async def send_events(self, place: str, events: Sequence[CloudEvent]) -> None:
        for number, event in enumerate(events):
            message = (amqp.to_structured_event if number % 2 else amqp.to_binary_event)(event)
            await self._send(
                place,
                message.application_data,
                content_type=message.properties.get("content-type"),
                headers=dict(message.application_properties),
            )

    async def send_raw(self, place: str, *bodies: bytes) -> None:
        for body in bodies:
            await self._send(place, body)

    async def waiting(self, place: str) -> int:
        queue = await self.channel.declare_queue(place, passive=True)
        return queue.declaration_result.message_count or 0

    async def _send(self, place: str, body: bytes, **properties: Any) -> None:
        message = aio_pika.Message(body, **properties)
        await self.channel.default_exchange.publish(message, place, mandatory=True)


@asynccontextmanager
async def senders(
    nats_url: str, kafka_server: KafkaServer, rabbitmq_url: str
) -> AsyncIterator[Mapping[str, Sender]]:
    """One for each broker."""
    client = await nats.connect(nats_url)
    connection = await aio_pika.connect(rabbitmq_url)
    async with connection:
        yield {
            "nats": NatsSender(client.jetstream()),
            "kafka": KafkaSender(kafka_server),
            "rabbitmq": RabbitmqSender(await connection.channel()),
        }
    await client.close()


def as_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
