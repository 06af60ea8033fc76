"""The other side of Kafka: topics, what a group has committed, plain senders."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError

Headers = Sequence[tuple[str, bytes | None]]


@asynccontextmanager
async def administrator(address: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Somebody who may do everything."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def make_topic(address: str, name: str, *, partitions: int = 1) -> None:
    """Make an empty topic."""
    async with administrator(address) as admin:
        await admin.create_topics([NewTopic(name, partitions, 1)])


async def drop_topic(address: str, name: str) -> None:
    """Delete a topic, with all that is in it."""
    async with administrator(address) as admin:
        await admin.delete_topics([name])


async def committed(address: str, group: str) -> Mapping[int, int]:
    """How far a group of one topic has committed, by partition."""
    async with administrator(address) as admin:
        try:
            offsets = await admin.list_consumer_group_offsets(group)
        except GroupCoordinatorNotAvailableError:  # a new cluster makes it for the first group
            return {}
    return {place.partition: stored.offset for place, stored in offsets.items()}


@asynccontextmanager
async def sender(address: str) -> AsyncIterator[AIOKafkaProducer]:
    """A plain producer."""
    producer = AIOKafkaProducer(bootstrap_servers=address)
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()


async def send(address: str, topic: str, *bodies: bytes, headers: Headers = ()) -> None:
    """One message per body, in order where the topic has one partition."""
    async with sender(address) as producer:
        for body in bodies:
            await producer.send_and_wait(topic, body, headers=headers)
