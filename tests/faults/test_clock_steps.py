"""The clock of the machine is put forward and back, as all of our processes see it.

Temporal and PostgreSQL keep the true one. Needs libfaketime (Debian: `apt-get install faketime`).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from tests.faults.beats import Beat, assert_accounts, by_id, covered, ledgers, now, publish, retire
from tests.faults.installation import AGENTS, Installation

FAKETIME = next((str(path) for path in Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
STEP = timedelta(minutes=10)
BEATS = by_id(
    Beat("stepped-skips", 2),
    Beat("stepped-catches-up", 2, policy="catch_up", max_runs=3),
    Beat("stepped-compresses", 2, policy="compress"),
)
MARGIN = timedelta(seconds=5)


@asynccontextmanager
async def other_clock(running: Installation) -> AsyncIterator[Callable[[timedelta], None]]:
    """Inside, all of our processes look at a clock that is as much ahead as they are told."""
    offset = running.home / "clock"
    usual = running.env
    running.env = {
        **usual,
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }

    def put_ahead(by: timedelta) -> None:
        offset.write_text(f"+{by.total_seconds():.0f}s")

    put_ahead(timedelta())
    try:
        await replace_all(running)
        yield put_ahead
    finally:
        running.env = usual
        await replace_all(running)


async def replace_all(running: Installation) -> None:
    for name in ("api", *AGENTS):
        await running.replace(name)
    await running.api.until_ready()


@pytest.mark.long
@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed (Debian: faketime)")
async def test_a_clock_that_is_put_forward_and_back_decides_each_slot_once(
    running: Installation,
) -> None:
    async with other_clock(running) as put_ahead:
        await publish(running, BEATS)
        await covered(running, BEATS)

        put_ahead(STEP)
        ahead = await covered(running, BEATS, until=now() + STEP)
        assert_accounts(ahead, BEATS)
        assert {row["outcome"] for row in ahead["stepped-compresses"].decisions} == {
            "fired",
            "compressed",
        }

        put_ahead(timedelta())
        await asyncio.sleep(4)  # several periods, in which nothing may happen twice
        back = await ledgers(running, BEATS)
        assert_accounts(back, BEATS)
        for id_, each in back.items():
            assert each.until <= now() + STEP + MARGIN
            decisions = ahead[id_].decisions
            assert each.decisions[: len(decisions)] == decisions
        await retire(running, BEATS)
    await running.assert_invariants()
