"""The reconciler: cursors and schedules become what the registry says, whatever they were."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY
from tests.core_stage import CoreStage

from activity_core.adapters.memory.clock import START
from activity_core.adapters.memory.scheduler import MemoryScheduler
from activity_core.adapters.memory.slot_ledger import MemorySlotLedger
from activity_core.core import ids
from activity_core.core.errors import UnavailableError
from activity_core.core.schedule.clock import ClockSpec
from activity_core.core.schedule.settlement import ON_TIME
from activity_core.core.schedule.spec import IntervalSpec
from activity_core.ports.scheduler import SchedulePage
from activity_core.ports.slot_ledger import SlotCursor
from activity_core.services.reconciler import Reconciler, Reconciliation
from activity_core.services.registry import Registry

HOUR = timedelta(hours=1)
A, B, C = (ids.schedule_id(name) for name in "abc")
NOTHING = Reconciliation()


def text(name: str, trigger: str) -> str:
    return f"""
id: {name}
trigger: {{{trigger}}}
rules: [{{id: r, tasks: [{{id: t, human: {{title: T}}}}]}}]
"""


def every(name: str, hours: int) -> str:
    return text(name, f"interval: {{every: {hours}h}}")


def by_hand(name: str) -> str:
    return text(name, "manual: ")


def shared(hours: int) -> str:
    clock = ClockSpec(intervals=(IntervalSpec(hours * HOUR),))
    return ids.shared_schedule_id(clock.fingerprint)


class CountingLedger(MemorySlotLedger):
    """Counts what is written."""

    written = 0

    async def plan(self, cursors: Sequence[SlotCursor]) -> None:
        self.written += len(cursors)
        await super().plan(cursors)


class Scene:
    """A registry, a slot ledger, a scheduler, and the reconciler between them."""

    def __init__(self) -> None:
        self.stage = CoreStage()
        self.slots = CountingLedger(self.stage.state)
        self.scheduler = MemoryScheduler(page_size=2)
        self.registry = Registry(self.stage.store, self.stage.doorbell, self.stage.clock, config={})
        self.reconciler = self.new()

    def new(self, *, repair: bool = True) -> Reconciler:
        """One that has seen nothing yet."""
        stage = self.stage
        return Reconciler(stage.store, self.slots, self.scheduler, stage.clock, repair=repair)

    async def apply(self, *texts: str) -> None:
        await self.stage.apply("---".join(texts))

    async def reconcile(self) -> Reconciliation:
        """Look at all pages; what was done in total."""
        found = [await self.reconciler.reconcile() for _ in range(3)]
        fields = NOTHING.__dataclass_fields__
        return Reconciliation(**{f: sum((getattr(r, f) for r in found), ()) for f in fields})

    async def cursor(self, name: str) -> SlotCursor:
        return (await self.slots.cursors())[name]

    def pass_by(self, by: timedelta) -> datetime:
        return self.stage.clock.advance(by)


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await scene.apply(every("b", 2), every("a", 1), by_hand("by-hand"))
    return scene


@pytest.fixture
async def settled(scene: Scene) -> Scene:
    assert await scene.reconcile() == Reconciliation(created=(A, B), planned=("a", "b"))
    return scene


async def test_doing_it_again_changes_nothing(settled: Scene) -> None:
    puts, written = list(settled.scheduler.puts), settled.slots.written
    assert await settled.reconcile() == NOTHING
    settled.reconciler = settled.new()
    assert await settled.reconcile() == NOTHING
    assert (settled.scheduler.puts, settled.slots.written) == (puts, written)


async def test_a_new_version_changes_the_schedule(settled: Scene) -> None:
    await settled.apply(every("a", 3))
    assert await settled.reconcile() == Reconciliation(updated=(A,), planned=("a",))
    await settled.apply(every("a", 3).replace("title: T", "title: U"))
    assert await settled.reconcile() == NOTHING  # another version, the same slots


async def test_pausing_and_resuming(settled: Scene) -> None:
    await settled.registry.pause("a", "ann")
    assert await settled.reconcile() == Reconciliation(paused=(A,))
    await settled.registry.resume("a", "ann")
    assert await settled.reconcile() == Reconciliation(resumed=(A,))
    await settled.apply("enabled: false" + every("a", 1))
    assert await settled.reconcile() == Reconciliation(paused=(A,))


async def test_retired_or_without_slots_any_more_is_deleted(settled: Scene) -> None:
    await settled.registry.retire("a", "ann")
    await settled.apply(by_hand("b"))
    assert await settled.reconcile() == Reconciliation(deleted=(A, B), planned=("a", "b"))
    assert await settled.reconcile() == NOTHING


async def test_equal_clocks_share_a_schedule(settled: Scene) -> None:
    await settled.apply(every("c", 1))
    assert await settled.reconcile() == Reconciliation(
        created=(shared(1),), deleted=(A,), planned=("c",)
    )
    await settled.registry.pause("a", "ann")
    assert await settled.reconcile() == NOTHING
    await settled.registry.pause("c", "ann")
    assert await settled.reconcile() == Reconciliation(paused=(shared(1),))
    await settled.registry.retire("a", "ann")
    found = await settled.reconcile()
    assert found == Reconciliation(created=(C,), deleted=(shared(1),), planned=("a",))
    assert settled.scheduler.wanted[C].paused


async def test_a_shared_schedule_is_there_before_the_others_go(settled: Scene) -> None:
    await settled.apply(every("c", 1))
    settled.scheduler.failures.after(UnavailableError("away"))
    with pytest.raises(UnavailableError):
        await settled.new().reconcile()
    assert set(settled.scheduler.wanted) == {A, B, shared(1)}


async def test_what_an_outage_left_is_done_next_time(scene: Scene) -> None:
    scene.scheduler.failures.before(UnavailableError("away"))
    with pytest.raises(UnavailableError):
        await scene.reconcile()
    scene.scheduler.failures.after(UnavailableError("away"))
    with pytest.raises(UnavailableError):
        await scene.reconcile()
    assert await scene.reconcile() == NOTHING  # only the answer was lost
    assert set(scene.scheduler.wanted) == {A, B}


async def test_a_schedule_without_slots_to_come_goes(scene: Scene) -> None:
    await scene.apply(text("a", "interval: {every: 1h, until: 2026-01-01T12:30:00Z}"))
    assert await scene.reconcile() == Reconciliation(created=(B,), planned=("a", "b"))


# -- cursors ------------------------------------------------------------------------------------


async def test_a_new_definition_is_covered_from_its_publication_on(scene: Scene) -> None:
    scene.pass_by(90 * timedelta(minutes=1))
    await scene.reconcile()
    cursor, slot = await scene.cursor("a"), START + HOUR
    assert cursor.covered_until == START
    assert (cursor.next_slot, cursor.wake_at) == (slot, slot + ON_TIME)


async def test_a_definition_that_gets_a_schedule_is_covered_from_then_on(settled: Scene) -> None:
    published = settled.pass_by(90 * timedelta(minutes=1))
    await settled.apply(every("by-hand", 1))
    settled.pass_by(HOUR)
    await settled.reconcile()
    cursor = await settled.cursor("by-hand")
    assert cursor.covered_until == published
    assert cursor.next_slot == START + 2 * HOUR


async def test_a_changed_schedule_has_its_next_slot_after_the_change(settled: Scene) -> None:
    settled.pass_by(90 * timedelta(minutes=1))
    await settled.apply(text("b", "interval: {every: 2h, offset: 1m}"))
    settled.pass_by(2 * HOUR)
    before = await settled.cursor("b")
    assert (await settled.reconcile()).planned == ("b",)
    cursor = await settled.cursor("b")
    assert cursor.covered_until == before.covered_until
    assert cursor.next_slot == before.next_slot  # the old plan's, which is due as well
    assert cursor.plan != before.plan


async def test_a_changed_calendar_asks_for_no_day_that_is_over(scene: Scene) -> None:
    calendar = "kind: calendar\nid: ends\ndays: [{}]\n"
    report = text("report", "calendar: {days: [ends], at: ['13:00']}")
    await scene.apply(calendar.format("2026-01-09"), report)
    await scene.reconcile()
    assert (await scene.cursor("report")).next_slot == datetime(2026, 1, 9, 13, tzinfo=UTC)
    scene.pass_by(2 * HOUR)
    await scene.apply(calendar.format("2026-01-01, 2026-01-02, 2026-01-09"))
    assert (await scene.reconcile()).planned == ("report",)
    assert (await scene.cursor("report")).next_slot == datetime(2026, 1, 2, 13, tzinfo=UTC)


async def test_what_has_no_schedule_any_more_is_settled_once_more(settled: Scene) -> None:
    before = await settled.cursor("a")
    await settled.registry.retire("a", "ann")
    now = settled.pass_by(timedelta(minutes=10))
    await settled.reconcile()
    assert await settled.cursor("a") == replace(before, plan="", next_slot=now, wake_at=now)
    settled.stage.state.tables.slot_cursors.pop("a")  # as the settler does
    assert await settled.reconcile() == NOTHING


async def test_a_cursor_that_is_lost_is_planned_again(settled: Scene) -> None:
    settled.stage.state.tables.slot_cursors.pop("a")
    assert await settled.reconcile() == Reconciliation(planned=("a",))


# -- drift --------------------------------------------------------------------------------------


def drifts() -> dict[str, float]:
    kinds = ("changed", "paused", "resumed", "deleted", "orphan")
    name = "activity_core_schedule_drift_total"
    return {kind: REGISTRY.get_sample_value(name, {"kind": kind}) or 0 for kind in kinds}


def change_by_hand(scene: Scene) -> None:
    """One of each kind, over more than one page."""
    there = scene.scheduler.wanted
    there[A] = replace(there[A], paused=True)
    there[C] = replace(there[C], paused=False)
    there["activity-schedule-d"] = replace(
        there["activity-schedule-d"], clock=ClockSpec(timezone="Asia/Tokyo")
    )
    there["activity-schedule-stray"] = replace(there[A], schedule_id="activity-schedule-stray")
    del there[B]


@pytest.fixture
async def four(settled: Scene) -> Scene:
    await settled.apply("enabled: false" + every("c", 3), every("d", 4))
    await settled.reconcile()
    return settled


async def test_changes_made_by_hand_are_undone_and_counted(four: Scene) -> None:
    wanted, before = dict(four.scheduler.wanted), drifts()
    change_by_hand(four)
    found = await four.reconcile()
    d, stray = "activity-schedule-d", "activity-schedule-stray"
    assert sorted(found.drifted) == [A, B, C, d, stray]
    assert replace(found, drifted=()) == Reconciliation(
        created=(B,), updated=(d,), paused=(C,), resumed=(A,), deleted=(stray,)
    )
    assert four.scheduler.wanted == wanted
    assert drifts() == {kind: count + 1 for kind, count in before.items()}
    assert await four.reconcile() == NOTHING


async def test_or_only_reported_once(four: Scene) -> None:
    four.reconciler = four.new(repair=False)
    await four.reconcile()
    change_by_hand(four)
    changed = dict(four.scheduler.wanted)
    found = await four.reconcile()
    assert len(found.drifted) == 5
    assert replace(found, drifted=()) == NOTHING
    assert await four.reconcile() == NOTHING
    assert four.scheduler.wanted == changed

    del four.scheduler.wanted[A]  # it drifted on
    assert await four.reconcile() == Reconciliation(drifted=(A,))


async def test_what_was_undone_by_hand_may_drift_again(four: Scene) -> None:
    four.reconciler = four.new(repair=False)
    wanted = dict(four.scheduler.wanted)
    await four.reconcile()
    for _ in range(2):
        change_by_hand(four)
        assert len((await four.reconcile()).drifted) == 5
        four.scheduler.wanted = dict(wanted)
        assert await four.reconcile() == NOTHING


async def test_a_change_of_the_registry_ends_a_reported_drift(four: Scene) -> None:
    four.reconciler = four.new(repair=False)
    await four.reconcile()
    change_by_hand(four)
    await four.reconcile()
    await four.apply(every("d", 5))
    assert (await four.reconcile()).updated == ("activity-schedule-d",)


async def test_what_another_reconciler_did_is_no_drift(settled: Scene) -> None:
    await settled.apply(every("a", 3), every("c", 4))
    await settled.registry.retire("b", "ann")
    await settled.new().reconcile()
    puts = list(settled.scheduler.puts)
    assert await settled.reconcile() == NOTHING
    assert settled.scheduler.puts == puts


async def test_a_list_that_is_behind_changes_nothing(settled: Scene) -> None:
    behind = await settled.scheduler.page()
    await settled.apply(every("a", 3), every("c", 4))
    await settled.registry.retire("b", "ann")
    await settled.reconcile()
    puts = list(settled.scheduler.puts)

    async def page(token: bytes = b"") -> SchedulePage:
        return behind

    settled.scheduler.page = page  # type: ignore[method-assign]
    assert await settled.reconcile() == NOTHING
    assert (settled.scheduler.puts, set(settled.scheduler.wanted)) == (puts, {A, C})


async def test_what_cannot_be_confirmed_is_left_to_the_next_time(settled: Scene) -> None:
    del settled.scheduler.wanted[A]
    find = settled.scheduler.find

    async def silent(schedule_id: str) -> None:
        raise UnavailableError("busy")

    settled.scheduler.find = silent  # type: ignore[method-assign]
    assert await settled.reconcile() == NOTHING
    settled.scheduler.find = find  # type: ignore[method-assign]
    assert await settled.reconcile() == Reconciliation(created=(A,), drifted=(A,))


async def test_however_much_was_changed_all_of_it_is_undone(scene: Scene) -> None:
    scene.scheduler = MemoryScheduler()
    scene.reconciler = scene.new()
    await scene.apply(*(every(f"d{hours}", hours) for hours in range(3, 103)))
    await scene.reconcile()
    wanted = dict(scene.scheduler.wanted)
    assert len(wanted) == 102
    scene.scheduler.wanted.clear()
    assert len((await scene.reconciler.reconcile()).drifted) == 102
    assert scene.scheduler.wanted == wanted
