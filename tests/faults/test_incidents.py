"""Incidents that users of other schedulers reported, as regression tests of this one.

Docstrings name the report. Where only time and decisions matter, twins and a clock that is moved
stand in for servers.
"""

from datetime import datetime, timedelta

import pytest
from temporalio.client import (
    Client,
    ScheduleBackfill,
    ScheduleHandle,
    ScheduleOverlapPolicy,
)
from tests.core_stage import RECOVERY_RATE
from tests.faults.beats import Beat, assert_accounts, by_id, covered, now, publish, retire
from tests.faults.installation import Installation
from tests.faults.slots import expected, ledger
from tests.slot_stage import SlotStage, SteppedClock, at, beat, between

from activity_core.core.decision import Outcome

CAUSES = ("misfire: ", "overlap: ", "paused: ", "outside_validity: ", "retired: ")
DAY = 86_400


async def test_every_slot_that_did_not_run_says_why() -> None:
    """temporal#8087: slots are skipped, and nobody can attribute it."""
    stage = SlotStage()
    noon = stage.clock.now()
    every = "interval: {every: 10s}"
    await stage.publish(
        beat("missed", every),
        beat("outnumbered", f"{every}, misfire: {{policy: catch_up, max_runs: 1}}"),
        beat("overlapped", f"{every}, overlap: skip"),
        beat("held-up", f"{every}, overlap: buffer_one"),
        beat("taken-over", f"{every}, overlap: cancel_other, misfire: {{policy: catch_up}}"),
        beat("paused", every),
        beat("excluded", "interval: {every: 10s, exclude: [2026-01-01]}"),
        beat("retired", every),
        "enabled: false" + beat("disabled", every),
    )
    await stage.tick_for(30)
    await stage.registry.pause("paused", "ann", "stocktaking")
    stage.wait(300)
    await stage.registry.retire("retired", "ben", "replaced")
    await stage.tick_for(30)
    rows = stage.state.tables.decisions.values()
    skipped = {row.definition_id: row for row in rows if row.outcome is Outcome.SKIPPED}
    assert skipped.keys() == {id_ for (id_, _) in stage.state.tables.definitions}
    for row in rows:
        if row.outcome is Outcome.SKIPPED:
            assert row.reason.startswith(CAUSES), row
            assert row.reason.partition(": ")[2], row
    assert skipped["paused"].reason == "paused: by ann, stocktaking"
    assert "2026-01-01" in skipped["excluded"].reason
    for id_ in skipped.keys() - {"retired"}:
        stage.assert_covered(id_, between(noon, stage.clock.now(), 10))


@pytest.mark.parametrize("policy", ["skip", "catch_up", "compress"])
async def test_what_is_enabled_again_does_not_make_up_for_the_time_it_was_not(policy: str) -> None:
    """kestra#14349: a schedule that was disabled fires its backlog when it is enabled."""
    stage = SlotStage()
    text = beat("b", f"interval: {{every: 1m}}, misfire: {{policy: {policy}}}")
    await stage.publish("enabled: false" + text)
    stage.wait(3600)  # nobody looks meanwhile, so all of it is undecided when it is enabled
    await stage.publish("enabled: true" + text)
    assert await stage.tick() == 0
    await stage.registry.pause("b", "ann")
    stage.wait(3600)
    await stage.registry.resume("b", "ann")
    assert await stage.tick() == 0
    assert stage.outcomes("b") == ["120 skipped"]
    stage.wait(60)
    assert await stage.tick() == 1


async def temporal_schedule(running: Installation, definition_id: str) -> ScheduleHandle:
    client = await Client.connect(str(running.env["ACTIVITY_CORE_TEMPORAL_ADDRESS"]))
    return client.get_schedule_handle(f"activity-schedule-{definition_id}")


async def test_a_slot_runs_once_however_often_its_schedule_is_triggered(
    running: Installation,
) -> None:
    """kestra#18422: three starts for one slot."""
    beats = by_id(Beat("rung-for", 2))
    await publish(running, beats)
    try:
        await covered(running, beats, until=now() + timedelta(seconds=3))
        schedule = await temporal_schedule(running, "rung-for")
        for _ in range(5):
            await schedule.trigger(overlap=ScheduleOverlapPolicy.ALLOW_ALL)
            await schedule.backfill(
                ScheduleBackfill(
                    now() - timedelta(minutes=1), now(), overlap=ScheduleOverlapPolicy.ALLOW_ALL
                )
            )
        assert_accounts(await covered(running, beats, until=now() + timedelta(seconds=2)), beats)
    finally:
        await retire(running, beats)


async def test_an_edited_schedule_goes_on_and_fires_no_past_slot(running: Installation) -> None:
    """dagster#13597, n8n#23711: editing a schedule fires it at once, or it never fires again."""
    before, after = Beat("edited", 2), Beat("edited", 3)
    await publish(running, by_id(before))
    try:
        await covered(running, by_id(before), until=now() + timedelta(seconds=2))
        await publish(running, by_id(after))
        found = (await covered(running, by_id(after), until=now() + timedelta(seconds=4)))["edited"]
        async with running.connection() as connection:
            row = await connection.execute(
                "select max(at) as at from registry_log where definition_id = 'edited'"
            )
            edited: datetime = (await row.fetchone() or {})["at"]
            again = await ledger(connection, "edited")
        slots = [row["slot"] for row in again.decisions if row["slot"] <= found.until]
        assert slots == expected(2, found.since, edited) + expected(3, edited, found.until)
        assert {row["outcome"] for row in again.decisions} <= {"fired", "late"}
        assert len({run["slot"] for run in again.runs}) == len(again.runs)
    finally:
        await retire(running, by_id(after))


async def test_the_last_covered_slot_is_kept_when_a_schedule_is_edited_in_an_outage() -> None:
    """dagster#13597: what was due before the edit is decided by what was in force then."""
    stage = SlotStage()
    noon = stage.clock.now()
    await stage.publish(beat("b", "interval: {every: 1h}, misfire: {policy: catch_up}"))
    await stage.tick_for(2 * 3600, every=1)
    stage.wait(3 * 3600)
    edited = stage.clock.now()
    await stage.publish(beat("b", "interval: {every: 7m}, misfire: {policy: catch_up}"))
    stage.wait(3600)
    await stage.tick()
    until = stage.clock.now()
    stage.assert_covered("b", between(noon, edited, 3600) + between(edited, until, 420))


async def test_a_long_gap_is_one_run() -> None:
    """airflow#25265: no way to have one run for the whole gap instead of a storm."""
    stage = SlotStage()
    compress = "misfire: {policy: compress, window: 5d}"
    await stage.publish(
        beat("minutely", f"interval: {{every: 1m}}, {compress}"),
        beat("hourly", f"interval: {{every: 1h}}, {compress}"),
    )
    stage.wait(4 * DAY + 30)
    assert await stage.tick() == 2
    [run] = stage.runs("minutely")
    assert run.occurrence.gap is not None
    assert run.occurrence.gap.count == 4 * DAY // 60
    assert stage.outcomes("minutely") == ["5760 compressed"]
    assert stage.outcomes("hourly") == ["96 compressed"]


async def test_after_an_outage_recovery_runs_start_one_by_one_the_oldest_slot_first() -> None:
    """airflow#25265: after an outage everything that was missed starts at once."""
    stage = SlotStage()
    catch_up = "misfire: {policy: catch_up, max_runs: 3}"
    names = [f"b{number}" for number in range(4)]
    await stage.publish(
        *(
            beat(name, f"interval: {{every: 10s, offset: {offset}s}}, {catch_up}")
            for offset, name in enumerate(names)
        )
    )
    stage.wait(300)
    fresh = await stage.tick() - 3 * len(names)
    missed = sorted(
        slot
        for name in names
        for slot, row in stage.decided(name).items()
        if row.outcome is Outcome.CAUGHT_UP
    )
    started: list[datetime] = []
    for second in range(60):
        found = [stage.run(run_id).occurrence.scheduled_for for run_id in await stage.start()]
        recovery = sorted(slot for slot in found if slot in missed)
        assert len(recovery) <= RECOVERY_RATE or not second
        started += recovery
        if not second:
            assert len(found) - len(recovery) == fresh  # what is due now does not wait
        stage.wait(1)
    assert started == missed


BERLIN = 'cron: {{expression: "30 2 * * *", timezone: Europe/Berlin, dst: {{gap: {}, fold: {}}}}}'
MARCH = {
    "skip": ["2026-03-28T01:30", "2026-03-30T00:30"],
    "next": ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"],
}
OCTOBER = {
    "first": ["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"],
    "second": ["2026-10-24T00:30", "2026-10-25T01:30", "2026-10-26T01:30"],
    "both": ["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-25T01:30", "2026-10-26T01:30"],
}


async def nights(first: str, *dst: tuple[str, str]) -> SlotStage:
    """Three nights from noon on, with somebody who looks every few seconds."""
    stage = SlotStage(clock=SteppedClock(at(first)))
    await stage.publish(*(beat(f"{gap}-{fold}", BERLIN.format(gap, fold)) for gap, fold in dst))
    await stage.tick_for(3 * DAY, every=5)
    return stage


async def test_a_time_that_clocks_skip_has_the_slot_that_its_policy_says() -> None:
    """temporal#8205, celery#6438: in the night of the change, a slot is lost or comes twice."""
    stage = await nights("2026-03-27T12:00", *((gap, "first") for gap in MARCH))
    for gap, slots in MARCH.items():
        decided = stage.assert_covered(f"{gap}-first", [at(slot) for slot in slots])
        assert {row.outcome for row in decided.values()} == {Outcome.FIRED}


async def test_a_time_that_comes_twice_has_the_slots_that_its_policy_says() -> None:
    """temporal#8205, celery#6438: as above, in autumn."""
    stage = await nights("2026-10-23T12:00", *(("skip", fold) for fold in OCTOBER))
    for fold, slots in OCTOBER.items():
        decided = stage.assert_covered(f"skip-{fold}", [at(slot) for slot in slots])
        assert {row.outcome for row in decided.values()} == {Outcome.FIRED}
