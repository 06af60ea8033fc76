"""The ways in over brokers while processes and servers are killed: all of it comes in, once.

All brokers at once where that is possible: a killed member keeps the others of its Kafka group
waiting for ten seconds.
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from secrets import SystemRandom

import pytest
from tests.api import eventually
from tests.faults.broker_feeds import (
    Feed,
    all_arrived,
    assert_counted,
    feeds,
    load,
    more_arrives,
)
from tests.faults.broker_intake import ONE, OTHER, intake, kill, start
from tests.faults.broker_lines import KINDS, Line, line_of
from tests.faults.installation import Installation

pytestmark = pytest.mark.usefixtures("no_intake")


@pytest.mark.parametrize("kind", KINDS)
async def test_the_intake_is_killed_between_the_insert_and_the_ack(
    running: Installation, lines: Sequence[Line], kind: str
) -> None:
    async with feeds(running, [line_of(lines, kind)], "between") as [feed]:
        async with intake(running, lines, ONE):
            await feed.send_numbers([0])
            await eventually(lambda: arrived(running, feed, 1), "the first is stored")
            await eventually(lambda: is_left(feed, 0), "the first is acknowledged")
            async with running.connection() as door:
                # The insert is sent and waits; then nobody is there to ack when it is through.
                await door.execute("begin; lock table event_keys in share mode")
                await feed.send_numbers(range(1, 301))
                await eventually(lambda: insert_waits(running), "the insert waits")
                os.kill(running.programs[ONE].pid, signal.SIGSTOP)
                await door.execute("rollback")
            await eventually(lambda: arrived(running, feed, 2), "the insert is through")
            await kill(running, ONE)
        # None of it was acknowledged, though some of it is stored.
        await eventually(lambda: is_left(feed, 300), "the broker keeps all of it")
        async with intake(running, lines, ONE):
            await all_arrived(running, [feed])
        await assert_counted(running, [feed])


async def arrived(running: Installation, feed: Feed, at_least: int) -> bool:
    return await feed.arrived(running) >= at_least


async def is_left(feed: Feed, number: int) -> bool:
    return await feed.line.left(feed.name) == number


async def insert_waits(running: Installation) -> bool:
    async with running.connection() as connection:
        rows = await connection.execute(
            "select from pg_locks where relation = 'event_keys'::regclass and not granted"
        )
        return bool(await rows.fetchall())


@pytest.mark.parametrize("times", [1, pytest.param(6, marks=pytest.mark.long)])
async def test_the_intake_is_killed_at_random_moments(
    running: Installation, lines: Sequence[Line], times: int
) -> None:
    async with feeds(running, lines, f"random-{times}") as found:
        async with intake(running, lines, ONE):
            async with load(found):
                for _ in range(times):
                    await more_arrives(running, [f for f in found if f.line.kind != "kafka"])
                    await asyncio.sleep(SystemRandom().uniform(0, 0.5))
                    await kill(running, ONE)
                    await start(running, lines, ONE)
            await all_arrived(running, found)
        await assert_counted(running, found)


async def test_one_of_two_intakes_is_killed_and_the_other_does_its_work(
    running: Installation, lines: Sequence[Line]
) -> None:
    async with feeds(running, lines, "two") as found:
        async with intake(running, lines, ONE, OTHER):
            async with load(found):
                await more_arrives(running, found)
                await asyncio.sleep(SystemRandom().uniform(0.5, 1.5))
                await kill(running, ONE)
                await more_arrives(running, found)
            await all_arrived(running, found)
        await assert_counted(running, found)
