"""Rings between processes, over PostgreSQL."""

import asyncio

import psycopg
import pytest

from activity_core.adapters.postgres.doorbell import PostgresDoorbell
from activity_core.ports.doorbell import Topic

SOON = 10.0  # seconds; only a failing test waits so long


async def rung(doorbell: PostgresDoorbell, topic: Topic) -> bool:
    """Whether a ring came before the bound."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    await doorbell.wait(topic, SOON)
    return loop.time() - start < SOON


async def settled(*doorbells: PostgresDoorbell) -> None:
    """Once they listen they ring for themselves, as something may have been missed."""
    for doorbell in doorbells:
        for topic in Topic:
            assert await rung(doorbell, topic)


async def test_a_ring_is_heard_here_without_any_server():
    doorbell = PostgresDoorbell("postgresql://nobody@127.0.0.1:1/nothing")
    async with doorbell:
        doorbell.ring(Topic.ROUTER)
        doorbell.ring(Topic.ROUTER)
        assert await rung(doorbell, Topic.ROUTER)
        await doorbell.wait(Topic.ROUTER, 0.01)  # merged: returns by its bound


async def test_a_ring_is_heard_by_other_processes(postgres_url: str):
    async with PostgresDoorbell(postgres_url) as here, PostgresDoorbell(postgres_url) as there:
        await settled(here, there)
        for _ in range(100):
            here.ring(Topic.STARTER)
        assert await rung(there, Topic.STARTER)
        here.ring(Topic.RELAY)
        assert await rung(there, Topic.RELAY)


async def test_rings_are_sent_at_most_every_50_ms(postgres_url: str):
    async with (
        PostgresDoorbell(postgres_url) as here,
        await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as conn,
    ):
        await settled(here)
        await conn.execute("listen activity_core_doorbell")
        loop = asyncio.get_running_loop()
        end = loop.time() + 0.2
        while loop.time() < end:
            here.ring(Topic.STARTER)
            await asyncio.sleep(0)
        heard = [notify.payload async for notify in conn.notifies(timeout=0.1)]
    assert set(heard) == {"starter"}
    assert 2 <= len(heard) <= 6


async def test_it_comes_back_after_a_lost_connection(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("activity_core.adapters.postgres.doorbell._BETWEEN_TRIES", 0.01)
    async with PostgresDoorbell(postgres_url) as here, PostgresDoorbell(postgres_url) as there:
        await settled(here, there)
        with psycopg.connect(postgres_url, autocommit=True) as conn:
            conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = 'activity-core doorbell'"
                " and datname = current_database()"
            )
        await settled(here, there)  # both listen again
        here.ring(Topic.ROUTER)
        assert await rung(there, Topic.ROUTER)
