"""Kafka's side of the contract of brokers: topics of their own for every bench."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from tests.brokers.kafka_topics import make_topic, sender
from tests.contract.broker_bench import Bench, Published

from activity_core.adapters.kafka.connection import KafkaConnection
from activity_core.adapters.kafka.consumer import KafkaConsumer
from activity_core.adapters.kafka.publisher import KafkaPublisher
from activity_core.adapters.kafka.settings import KafkaSettings
from activity_core.embedded.ports import LOOPBACK, choose_ports

_PARTITIONS = 3
_numbers = count(1)


@asynccontextmanager
async def bench(address: str) -> AsyncIterator[Bench]:
    """An inbound topic of one partition, which has an order, and an outbound one of three."""
    number = next(_numbers)
    inbound, outbound, group = f"inbound-{number}", f"outbound-{number}", f"group-{number}"
    await make_topic(address, inbound)
    await make_topic(address, outbound, partitions=_PARTITIONS)
    connection = KafkaConnection(KafkaSettings(address))
    closed = choose_ports(["kafka"], demanded={}, preferred={})["kafka"]
    nowhere = KafkaConnection(KafkaSettings(f"{LOOPBACK}:{closed}"))
    publisher = KafkaPublisher(connection, topic=outbound)

    async def send(body: bytes, headers: dict[str, str]) -> None:
        pairs = [(name, value.encode()) for name, value in headers.items()]
        await producer.send_and_wait(inbound, body, headers=pairs)

    async def successor() -> KafkaConsumer:
        return KafkaConsumer(connection, group=group, topics=[inbound])

    async def published() -> Sequence[Published]:
        return await _read(address, outbound)

    async with sender(address) as producer:
        yield Bench(
            consumer=KafkaConsumer(connection, group=group, topics=[inbound]),
            publisher=publisher,
            successor=successor,
            unreachable=(
                KafkaConsumer(nowhere, group=group, topics=[inbound]),
                KafkaPublisher(nowhere),
            ),
            send=send,
            pass_time=_pass,
            published=published,
            dedupes=False,
        )
    await publisher.close()
    await connection.forget()


async def _pass(duration: timedelta) -> None:
    await asyncio.sleep(duration.total_seconds())  # a server has its own clock


async def _read(address: str, topic: str) -> Sequence[Published]:
    """Everything in the topic, partition after partition."""
    reader = AIOKafkaConsumer(bootstrap_servers=address)
    await reader.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(_PARTITIONS)]
        reader.assign(partitions)
        await reader.seek_to_beginning()
        ends = await reader.end_offsets(partitions)
        found: list[Published] = []
        while len(found) < sum(ends.values()):
            for records in (await reader.getmany(timeout_ms=1_000)).values():
                for record in records:
                    headers = {name: value.decode() for name, value in record.headers}
                    key = (record.key or b"").decode()
                    body = record.value or b""
                    found.append(Published(headers["ce_id"], headers["ce_type"], body, key))
        return found
    finally:
        await reader.stop()
