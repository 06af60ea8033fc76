"""kill -9 of one part after the other in the middle of work: everything is done, once."""

import pytest
from tests.faults.installation import AGENTS, Installation
from tests.faults.load import under_load


@pytest.mark.parametrize("agent", ["router", "starter", "worker", "relay"])
async def test_an_agent_is_killed_in_the_middle_of_work(running: Installation, agent: str) -> None:
    async with under_load(running, agent) as load:
        await load.some.wait()
        await running.replace(agent)
        await load.half.wait()
        await running.replace(agent)
    await running.assert_invariants()


async def test_all_of_them_are_killed_at_once(running: Installation) -> None:
    async with under_load(running, "all", count=200) as load:
        await load.half.wait()
        for agent in AGENTS:
            await running.kill(agent)
        for agent in AGENTS:
            await running.start(agent)
    await running.assert_invariants()


async def test_the_api_is_killed_while_events_come_in(running: Installation) -> None:
    async with under_load(running, "api", count=200) as load:
        await load.half.wait()
        await running.replace("api")
    await running.assert_invariants()
