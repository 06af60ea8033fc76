"""What every doorbell keeps."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from activity_core.adapters.memory.doorbell import MemoryDoorbell
from activity_core.adapters.postgres.doorbell import PostgresDoorbell
from activity_core.ports.doorbell import Doorbell, Topic

AT_ONCE, EVER = 0.0, 60.0


@pytest.fixture(params=["memory", "postgres"])
async def doorbell(request: pytest.FixtureRequest) -> AsyncIterator[Doorbell]:
    if request.param == "memory":
        yield MemoryDoorbell()
        return
    async with PostgresDoorbell(request.getfixturevalue("postgres_url")) as bell:
        # Once it listens, every topic is rung: somebody may have rung before.
        await asyncio.gather(*(bell.wait(topic, EVER) for topic in Topic))
        yield bell


async def returns_only_at_the_bound(doorbell: Doorbell, topic: Topic) -> bool:
    bound = 0.05
    began = asyncio.get_running_loop().time()
    await doorbell.wait(topic, bound)
    return asyncio.get_running_loop().time() - began >= bound


async def test_a_ring_wakes_who_waits(doorbell: Doorbell):
    waiter = asyncio.create_task(doorbell.wait(Topic.ROUTER, EVER))
    await asyncio.sleep(0)
    doorbell.ring(Topic.ROUTER)
    async with asyncio.timeout(5):
        await waiter


async def test_a_ring_is_kept_for_the_next_wait(doorbell: Doorbell):
    doorbell.ring(Topic.RELAY)
    async with asyncio.timeout(5):
        await doorbell.wait(Topic.RELAY, EVER)


async def test_many_rings_wake_once(doorbell: Doorbell):
    for _ in range(100):
        doorbell.ring(Topic.STARTER)
    async with asyncio.timeout(5):
        await doorbell.wait(Topic.STARTER, EVER)
    assert await returns_only_at_the_bound(doorbell, Topic.STARTER)


async def test_topics_are_apart(doorbell: Doorbell):
    doorbell.ring(Topic.ROUTER)
    assert await returns_only_at_the_bound(doorbell, Topic.RECONCILER)


async def test_waiting_ends_at_its_bound(doorbell: Doorbell):
    async with asyncio.timeout(5):
        await doorbell.wait(Topic.ROUTER, AT_ONCE)
