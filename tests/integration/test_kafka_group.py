"""Several members of one group: nothing is lost when partitions move, whatever the reason."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

import pytest
from tests.brokers.kafka_topics import committed, make_topic, sender

from activity_core.adapters.kafka import member as member_module
from activity_core.adapters.kafka.connection import KafkaConnection
from activity_core.adapters.kafka.consumer import KafkaConsumer
from activity_core.adapters.kafka.settings import KafkaSettings

PARTITIONS = 4
MESSAGES = 400
_numbers = count(1)

MEMBER = """
import asyncio, sys
from activity_core.adapters.kafka import consumer, member
from activity_core.adapters.kafka.connection import KafkaConnection
from activity_core.adapters.kafka.settings import KafkaSettings

async def main(address, group, topic, most):
    connection = KafkaConnection(KafkaSettings(address))
    shop = consumer.KafkaConsumer(connection, group=group, topics=[topic])
    count = 0
    async for deliveries in shop.deliveries(5):
        for delivery in deliveries:
            count += 1
            if count == int(most):
                print("enough", flush=True)
                await asyncio.Event().wait()
            if count % 50:
                _, partition, offset = delivery.position.split("/")
                print(partition, offset, flush=True)
                await delivery.ack()

member.SESSION, member.LOOK_EVERY = 2.0, 0.01
asyncio.run(main(*sys.argv[1:]))
"""
"""Settles most of what it gets, and gets stuck."""


@dataclass
class Shop:
    """A topic full of messages, and what became of each (partition, offset)."""

    address: str
    topic: str
    settled: set[tuple[int, int]] = field(default_factory=set)
    handed: int = 0

    @property
    def group(self) -> str:
        return f"group-of-{self.topic}"

    async def fill(self) -> None:
        await make_topic(self.address, self.topic, partitions=PARTITIONS)
        async with sender(self.address) as producer:
            for number in range(MESSAGES):
                await producer.send(self.topic, b"%d" % number, partition=number % PARTITIONS)

    async def member(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Settle some at once and some at the second time, until told."""
        connection = KafkaConnection(KafkaSettings(self.address))
        consumer = KafkaConsumer(connection, group=self.group, topics=[self.topic])
        try:
            await self._settle(consumer, until)
        finally:
            await connection.forget()

    async def _settle(self, consumer: KafkaConsumer, until: Callable[[], bool]) -> None:
        async with aclosing(consumer.deliveries(7)) as batches:  # type: ignore[type-var]
            async for deliveries in batches:
                for delivery in deliveries:
                    self.handed += 1
                    if self.handed % 5 == 0 and delivery.attempt == 1:
                        await delivery.retry(timedelta(milliseconds=20))
                        continue
                    _, partition, offset = delivery.position.split("/")
                    self.settled.add((int(partition), int(offset)))
                    await delivery.ack()
                if until():
                    break

    async def watch(self) -> None:
        """Until all is committed; all the while, nothing unsettled is before a committed offset."""
        reached = 0
        while reached < MESSAGES:
            offsets = await committed(self.address, self.group)
            await asyncio.sleep(0.01)  # what another process says may be on its way
            for partition, end in offsets.items():
                assert all((partition, offset) in self.settled for offset in range(end))
            reached = sum(offsets.values())


@pytest.fixture
async def shop(kafka_address: str, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(member_module, "LOOK_EVERY", 0.05)
    shop = Shop(kafka_address, f"crowd-{next(_numbers)}")
    await shop.fill()
    return shop


async def test_members_come_and_go_and_nothing_is_lost(shop: Shop):
    async def come_and_go() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(shop.member())
            await shop.member(until=lambda: len(shop.settled) > MESSAGES // 2)
            await shop.member()

    await watched(shop, come_and_go())


async def test_what_a_killed_member_had_goes_to_another(shop: Shop):
    async def one_dies() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", MEMBER, shop.address, shop.group, shop.topic, str(MESSAGES // 2),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        async for line in process.stdout:
            if line == b"enough\n":
                process.kill()
            else:
                partition, offset = line.split()
                shop.settled.add((int(partition), int(offset)))
        await process.wait()
        assert MESSAGES // 3 < len(shop.settled) < MESSAGES // 2
        await shop.member()

    await watched(shop, one_dies())


async def watched(shop: Shop, members: Coroutine[None, None, None]) -> None:
    playing = asyncio.ensure_future(members)
    watching = asyncio.ensure_future(shop.watch())
    both = [playing, watching]
    done, _ = await asyncio.wait(both, timeout=60, return_when=asyncio.FIRST_COMPLETED)
    for one in both:
        one.cancel()
    await asyncio.wait(both)
    for one in done:
        one.result()
    assert done == {watching}
    assert len(shop.settled) == MESSAGES
