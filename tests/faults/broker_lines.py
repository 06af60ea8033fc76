"""The three brokers as lines into an installation: senders of messages, and servers that can go.

A line is a server with queues of the test's own; what it says it has stored is never lost by it.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from nats import connect
from nats.aio.client import Client
from nats.errors import Error as NatsError
from tests.brokers.kafka import KafkaServer
from tests.brokers.kafka_topics import committed, make_topic, sender
from tests.brokers.rabbitmq import RabbitmqServer
from tests.contract.broker_rabbitmq import publish
from tests.faults.installation import Installation

from activity_core.adapters.rabbitmq.connection import RabbitmqConnection
from activity_core.adapters.rabbitmq.settings import RabbitmqSettings
from activity_core.core import ids
from activity_core.core.errors import UnavailableError

Heads = dict[str, str]
STRUCTURED = {"content-type": "application/cloudevents+json"}
ACK_WAIT = 2.0
"""Seconds until NATS gives up on a dead process; the product's own half a minute is too long."""
PARTITIONS = 2
GROUP = "activity-core-main-{}"


KINDS = ("nats", "kafka", "rabbitmq")


class Line(Protocol):
    """One broker. `name` is a queue of it, and the id of the source that consumes it."""

    @property
    def kind(self) -> str:
        """`nats`, `kafka` or `rabbitmq`."""
        ...

    @property
    def settings(self) -> Mapping[str, str]:
        """Where an intake finds it."""
        ...

    async def open(self, name: str) -> Mapping[str, Any]:
        """Make the queue; the way of its source."""
        ...

    async def offer(self, name: str, bodies: Sequence[bytes], headers: Heads) -> Sequence[bool]:
        """Send each once; which of them the broker says it has stored."""
        ...

    async def left(self, name: str) -> int:
        """What was never acknowledged. RabbitMQ knows once nobody consumes any more."""
        ...

    async def kill(self) -> None:
        """SIGKILL for the server."""
        ...

    async def stop(self) -> None:
        """End the server in good order."""
        ...

    async def start(self) -> None:
        """On the same data; returns once it answers."""
        ...


@dataclass
class NatsLine:
    """A stream of JetStream each, with the server of the installation."""

    running: Installation
    kind: ClassVar = "nats"
    settings: ClassVar[Mapping[str, str]] = {}

    async def open(self, name: str) -> Mapping[str, Any]:
        client = await self._client()
        stream = client.jetstream()
        await stream.add_stream(name=name, subjects=[f"{name}.>"])
        durable = ids.consumer_name("main", name)
        await stream.add_consumer(name, durable_name=durable, name=durable, ack_wait=ACK_WAIT)
        await client.close()
        return {"stream": name}

    async def offer(self, name: str, bodies: Sequence[bytes], headers: Heads) -> Sequence[bool]:
        client = await self._client()
        stream = client.jetstream()
        sending = (stream.publish(f"{name}.it", body, headers=headers) for body in bodies)
        answers = await asyncio.gather(*sending, return_exceptions=True)
        await client.close()
        return [not isinstance(answer, BaseException) for answer in answers]

    async def left(self, name: str) -> int:
        client = await self._client()
        info = await client.jetstream().consumer_info(name, ids.consumer_name("main", name))
        await client.close()
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    async def kill(self) -> None:
        await self.running.kill_server("nats")

    async def stop(self) -> None:
        await self.running.servers["nats"].process.stop()

    async def start(self) -> None:
        await self.running.servers["nats"].start()

    async def _client(self) -> Client:
        url = str(self.running.env["ACTIVITY_CORE_NATS_URL"])
        try:
            return await connect(url, allow_reconnect=False, connect_timeout=2)
        except NatsError as error:
            raise UnavailableError(str(error)) from error


@dataclass
class KafkaLine:
    """A topic of two partitions each."""

    server: KafkaServer
    kind: ClassVar = "kafka"

    @property
    def settings(self) -> Mapping[str, str]:
        return {"ACTIVITY_CORE_KAFKA_SERVERS": self.server.address}

    async def open(self, name: str) -> Mapping[str, Any]:
        await make_topic(self.server.address, name, partitions=PARTITIONS)
        return {"topics": [name]}

    async def offer(self, name: str, bodies: Sequence[bytes], headers: Heads) -> Sequence[bool]:
        pairs = [(head, value.encode()) for head, value in headers.items()]
        try:
            async with sender(self.server.address) as producer, asyncio.timeout(10):
                sending = (producer.send_and_wait(name, body, headers=pairs) for body in bodies)
                answers = await asyncio.gather(*sending, return_exceptions=True)
        except (KafkaError, TimeoutError):
            return [False for _ in bodies]
        return [not isinstance(answer, BaseException) for answer in answers]

    async def left(self, name: str) -> int:
        done = await committed(self.server.address, GROUP.format(name))
        reader = AIOKafkaConsumer(bootstrap_servers=self.server.address)
        await reader.start()
        try:
            places = [TopicPartition(name, number) for number in range(PARTITIONS)]
            ends = await reader.end_offsets(places)
        finally:
            await reader.stop()
        return int(sum(ends.values()) - sum(done.values()))

    async def kill(self) -> None:
        await self.server.kill()

    async def stop(self) -> None:
        await self.server.stop()

    async def start(self) -> None:
        await self.server.start()


class RabbitmqLine:
    """A quorum queue each. The address, which holds a password, is in a file of `home`."""

    kind = "rabbitmq"

    def __init__(self, server: RabbitmqServer, home: Path) -> None:
        self._server = server
        self.url = server.url()
        address = home / "rabbitmq-address"
        address.write_text(self.url)
        self.settings: Mapping[str, str] = {"ACTIVITY_CORE_RABBITMQ_URL": f"file:{address}"}

    async def open(self, name: str) -> Mapping[str, Any]:
        link = RabbitmqConnection(RabbitmqSettings(self.url))
        channel = await link.channel()
        await channel.queue_declare(name, durable=True, arguments={"x-queue-type": "quorum"})
        await link.forget()
        return {"queue": name}

    async def offer(self, name: str, bodies: Sequence[bytes], headers: Heads) -> Sequence[bool]:
        link = RabbitmqConnection(RabbitmqSettings(self.url))
        channel = await link.channel(confirms=True)
        sending = (publish(channel, body, name, headers) for body in bodies)
        async with asyncio.timeout(10):
            answers = await asyncio.gather(*sending, return_exceptions=True)
        await link.forget()
        return [not isinstance(answer, BaseException) for answer in answers]

    async def left(self, name: str) -> int:
        link = RabbitmqConnection(RabbitmqSettings(self.url))
        answer = await (await link.channel()).queue_declare(name, passive=True)
        await link.forget()
        return answer.message_count or 0

    async def kill(self) -> None:
        await self._server.kill()

    async def stop(self) -> None:
        await self._server.stop()

    async def start(self) -> None:
        await self._server.start()


def line_of(lines: Iterable[Line], kind: str) -> Line:
    """The line of a kind; skips the test if there is none here."""
    for line in lines:
        if line.kind == kind:
            return line
    pytest.skip(f"{kind} cannot be had here")
