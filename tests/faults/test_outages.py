"""A server is away for a while, killed or frozen: nothing is lost, and all goes on by itself.

The long ones (a minute, as in the promise) run with `make test-long`.
"""

import asyncio

import pytest
from tests.faults.installation import Installation
from tests.faults.load import under_load

SHORT, LONG = 6.0, 60.0
SERVERS = ("postgres", "temporal", "nats")


async def away(running: Installation, server: str, seconds: float) -> None:
    await running.kill_server(server)
    await asyncio.sleep(seconds)  # the very thing that is tested
    await running.servers[server].start()


async def frozen(running: Installation, server: str, seconds: float) -> None:
    running.freeze_server(server)
    try:
        await asyncio.sleep(seconds)  # as above
    finally:
        running.thaw_server(server)


@pytest.mark.parametrize("server", SERVERS)
async def test_a_server_is_killed_and_comes_back(running: Installation, server: str) -> None:
    async with under_load(running, f"{server}-killed", count=200, pause=0.1) as load:
        await load.some.wait()
        await away(running, server, SHORT)
    await running.assert_invariants()


@pytest.mark.parametrize("server", SERVERS)
async def test_a_server_answers_nobody_for_a_while(running: Installation, server: str) -> None:
    async with under_load(running, f"{server}-frozen", count=200, pause=0.1) as load:
        await load.some.wait()
        await frozen(running, server, SHORT)
    await running.assert_invariants()


@pytest.mark.long
@pytest.mark.parametrize("server", SERVERS)
async def test_a_server_is_away_for_a_minute(running: Installation, server: str) -> None:
    async with under_load(running, f"{server}-long", count=600, pause=0.2) as load:
        await load.some.wait()
        await away(running, server, LONG)
    await running.assert_invariants()


@pytest.mark.long
@pytest.mark.parametrize("server", SERVERS)
async def test_a_server_answers_nobody_for_a_minute(running: Installation, server: str) -> None:
    async with under_load(running, f"{server}-long-frozen", count=600, pause=0.2) as load:
        await load.some.wait()
        await frozen(running, server, LONG)
    await running.assert_invariants()
