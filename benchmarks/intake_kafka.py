"""Kafka for the benchmark of intake: one topic, read by two groups."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from tests.brokers.kafka_topics import make_topic

from activity_core.adapters.kafka.member import FETCH_BYTES
from activity_core.services.intake import BATCH
from benchmarks.intake_bare import Batch
from benchmarks.intake_orders import HEADERS

TOPIC = "bench"
PARTITIONS = 3


class Kafka:
    """See `intake.Broker`; made by `broker`."""

    name = "Kafka"
    way = f"kafka: {{topics: [{TOPIC}]}}"

    def __init__(self, servers: str, producer: AIOKafkaProducer) -> None:
        self._servers = servers
        self._producer = producer

    @classmethod
    @asynccontextmanager
    async def broker(cls, servers: str) -> AsyncIterator["Kafka"]:
        """On a running server, with what the source takes from, and nothing in it."""
        await make_topic(servers, TOPIC, partitions=PARTITIONS)
        async with AIOKafkaProducer(bootstrap_servers=servers, acks="all") as producer:
            yield cls(servers, producer)

    async def send(self, bodies: Sequence[bytes]) -> None:
        """See `intake.Broker`."""
        headers = [(name, value.encode()) for name, value in HEADERS.items()]
        sent = [
            await self._producer.send(TOPIC, body, partition=number % PARTITIONS, headers=headers)
            for number, body in enumerate(bodies)
        ]
        for confirmed in sent:
            await confirmed

    async def batches(self) -> AsyncIterator[Batch]:
        """See `intake.Broker`."""
        async with AIOKafkaConsumer(
            TOPIC,
            bootstrap_servers=self._servers,
            group_id="bare",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
            fetch_max_bytes=FETCH_BYTES,
        ) as consumer:
            while True:
                found = await consumer.getmany(timeout_ms=5_000, max_records=BATCH)
                bodies = [record.value or b"" for each in found.values() for record in each]
                if bodies:
                    yield bodies, consumer.commit
