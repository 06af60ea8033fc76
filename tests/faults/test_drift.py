"""Schedules that somebody changes by hand, where that shall only be reported."""

from datetime import timedelta

import pytest
from temporalio.client import Client
from tests.api import eventually
from tests.faults.beats import Beat, assert_accounts, by_id, covered, now, publish, retire
from tests.faults.installation import Installation
from tests.faults.slots import ledger

BEATS = by_id(Beat("drifts", 2))
RUNG_FOR_WITHIN = timedelta(seconds=8)
"""Without a tick: overdue after 5 s, looked for each second."""


@pytest.mark.long
async def test_drift_is_reported_and_left_and_no_slot_is_lost(running: Installation) -> None:
    usual = running.env
    running.env = {**usual, "ACTIVITY_CORE_SCHEDULE_DRIFT": "report"}
    try:
        await running.replace("reconciler")
        await publish(running, BEATS)
        await covered(running, BEATS)
        client = await Client.connect(str(usual["ACTIVITY_CORE_TEMPORAL_ADDRESS"]))
        schedule = client.get_schedule_handle("activity-schedule-drifts")

        async def ticks() -> bool:
            return (await schedule.describe()).info.num_actions > 0

        await eventually(ticks, "Temporal ticks")
        await schedule.pause()

        async def reported() -> bool:
            await running.api.post("/v1/definitions/drifts/resume")  # a ring: it looks sooner
            said = running.programs["reconciler"].output
            return '"schedule_drift"' in said and '"kind": "paused"' in said

        await eventually(reported, "the drift is reported")
        found = await covered(running, BEATS, until=now() + timedelta(seconds=3))
        assert (await schedule.describe()).schedule.state.paused
        assert_accounts(found, BEATS)
        async with running.connection() as connection:
            decisions = (await ledger(connection, "drifts")).decisions
        assert all(row["decided_at"] - row["slot"] < RUNG_FOR_WITHIN for row in decisions)
    finally:
        running.env = usual
        await running.replace("reconciler")

    async def repaired() -> bool:
        return not (await schedule.describe()).schedule.state.paused

    await eventually(repaired, "one that repairs makes it right at its first look")
    await retire(running, BEATS)
    await running.assert_invariants()
