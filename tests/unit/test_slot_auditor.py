"""The slot auditor: has overdue slots settled, and raises an alarm for what nobody can explain."""

from datetime import datetime

import pytest
from structlog.testing import capture_logs
from tests.slot_stage import SlotStage, at, beat, between

from activity_core.core.decision import Outcome
from activity_core.core.errors import UnavailableError
from activity_core.core.ids import occurrence_of_slot
from activity_core.services.metrics import UNEXPLAINED_SLOTS
from activity_core.services.slot_auditor import SETTLING

NOON = at("12:00:00")
EVERY_10_S = "interval: {every: 10s}"


@pytest.fixture
async def stage() -> SlotStage:
    stage = SlotStage()
    await stage.publish(beat("b", EVERY_10_S))
    return stage


async def look(stage: SlotStage) -> int:
    """How many ticks it asked for."""
    before = stage.engine.ticks
    assert not await stage.auditor.look()
    return stage.engine.ticks - before


async def test_a_slot_that_no_tick_came_for_is_rung_for_after_five_seconds(
    stage: SlotStage,
) -> None:
    stage.wait(14.9)
    assert await look(stage) == 0
    stage.wait(0.1)
    assert await look(stage) == 1
    assert stage.decided("b") == {}  # it decides nothing itself
    assert await look(stage) == 1  # as long as nobody settles it
    await stage.tick()
    assert await look(stage) == 0


async def test_a_slot_that_waits_for_a_run_that_is_over_is_rung_for(stage: SlotStage) -> None:
    await stage.publish(beat("b", f"{EVERY_10_S}, overlap: buffer_one"))
    await stage.tick_for(20)
    assert await look(stage) == 0
    await stage.close_runs("b")
    assert await look(stage) == 1


async def test_a_slot_that_temporal_cannot_ring_for_is_rung_for_at_its_instant() -> None:
    stage = SlotStage()
    stage.clock.step(at("2026-03-29T00:59") - stage.clock.now())
    cron = 'cron: {expression: "30 2 * * *", timezone: Europe/Berlin, dst: {gap: next}}'
    await stage.publish(beat("b", cron))
    stage.wait(59)
    assert await look(stage) == 0
    stage.wait(1)
    assert await look(stage) == 1
    await stage.tick()
    assert list(stage.decided("b")) == [at("2026-03-29T01:00")]
    assert stage.outcomes("b") == ["1 fired"]


async def test_while_temporal_is_away_nothing_is_decided(stage: SlotStage) -> None:
    stage.wait(300)
    stage.engine.failures.before(UnavailableError("away"))
    with pytest.raises(UnavailableError):
        await stage.auditor.look()
    assert stage.decided("b") == {}


def unexplained() -> float:
    return float(UNEXPLAINED_SLOTS._value.get())


async def audit(stage: SlotStage) -> list[str]:
    """Events that it logged."""
    with capture_logs() as logs:
        while await stage.auditor.audit():
            pass
    return [str(entry["event"]) for entry in logs if entry["log_level"] == "error"]


async def lose(stage: SlotStage, *slots: datetime) -> None:
    async with stage.state.transaction() as tables:
        for slot in slots:
            del tables.decisions["b", occurrence_of_slot(slot)]


async def test_there_is_no_alarm_when_all_is_well(stage: SlotStage) -> None:
    before = unexplained()
    await stage.tick_for(30)
    await stage.registry.pause("b", "ann")
    await stage.tick_for(30)
    await stage.registry.resume("b", "ann")
    stage.wait(300)
    await stage.tick()
    await stage.publish(beat("b", "interval: {every: 7s}"))
    await stage.tick_for(60)
    decided = stage.decided("b")
    stage.wait(SETTLING.total_seconds())
    assert await audit(stage) == []
    assert (stage.decided("b"), unexplained()) == (decided, before)


async def test_a_slot_that_nobody_decided_raises_an_alarm_once(stage: SlotStage) -> None:
    before = unexplained()
    await stage.tick_for(60)
    lost = [at("12:00:20"), at("12:00:40")]
    await lose(stage, *lost)
    stage.wait(SETTLING.total_seconds())
    assert await audit(stage) == ["slots_unexplained"]
    assert unexplained() == before + 2
    decided = stage.decided("b")
    assert list(decided) == between(NOON, at("12:01:00"), 10)
    for slot in lost:
        assert decided[slot].outcome is Outcome.FAILED
        assert decided[slot].reason.startswith("unexplained: ")
    assert await audit(stage) == []
    stage.wait(600)
    assert await audit(stage) == []
    assert unexplained() == before + 2


async def test_slots_that_somebody_may_still_be_at_are_not_audited(stage: SlotStage) -> None:
    await stage.tick_for(60)
    await lose(stage, at("12:01:00"))
    stage.wait(SETTLING.total_seconds() - 1)
    assert await audit(stage) == []
    stage.wait(1)
    assert await audit(stage) == ["slots_unexplained"]


async def test_a_long_past_is_audited_part_by_part() -> None:
    stage = SlotStage()
    await stage.publish(beat("b", "interval: {every: 1m}"))
    await stage.tick_for(20 * 3600, every=60)
    await lose(stage, at("12:01:00"), at("2026-01-02T07:59"))
    stage.wait(SETTLING.total_seconds())
    assert await audit(stage) == ["slots_unexplained"]
    assert await audit(stage) == []  # 18 hours are done
    assert await audit(stage) == []
    assert await audit(stage) == ["slots_unexplained"]
