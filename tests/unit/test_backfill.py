"""Backfills as a service: which slots a range means, what is refused, what is released when."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.memory_system import MemorySystem

from activity_core.adapters.memory.run_ledger import MemoryRunLedger
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.errors import BadInputError, ConflictError, NotFoundError
from activity_core.core.run.run import RunStatus
from activity_core.ports.backfills import BackfillOrder, BackfillProgress, BackfillStatus
from activity_core.ports.doorbell import Topic
from activity_core.services.backfill import MOST_CONCURRENT, MOST_UNCONFIRMED, Backfiller
from activity_core.services.backfill_range import MOST_SLOTS, BackfillRange, paused_since
from activity_core.services.registry import Registry

RULES = "rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]"
DEFINITIONS = f"""
id: hourly
trigger: {{interval: {{every: 1h, exclude: [2026-01-02]}}}}
{RULES}
---
id: busy
trigger: {{interval: {{every: 1s}}}}
{RULES}
---
id: by-hand
trigger: {{manual: }}
{RULES}
---
id: disabled
enabled: false
trigger: {{interval: {{every: 1h}}}}
{RULES}
"""
NOW = datetime(2026, 1, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
RANGE = BackfillRange("hourly", NOW - 3 * HOUR, NOW)


class Scene:
    def __init__(self) -> None:
        self.system = MemorySystem()
        self.clock = self.system.clock
        self.clock.advance(NOW - self.clock.now())
        store, bell = self.system.registry_store, self.system.doorbell
        self.registry = Registry(store, bell, self.clock, config={})
        self.backfiller = Backfiller(store, self.system.backfills, self.clock, bell)

    async def request(
        self,
        wanted: BackfillRange = RANGE,
        *,
        id_: str = "b",
        max_concurrent: int = 1,
        confirmed: bool = False,
    ) -> BackfillProgress:
        return await self.backfiller.request(
            id_,
            wanted,
            max_concurrent=max_concurrent,
            actor="bob",
            reason="late",
            confirmed=confirmed,
        )

    def slots(self) -> list[datetime | None]:
        """Of all runs, in the order in which they were made."""
        return [run.occurrence.scheduled_for for run in self.system.state.tables.runs.values()]

    async def close_all(self) -> None:
        ledger = MemoryRunLedger(self.system.state)
        for run in list(self.system.state.tables.runs.values()):
            await ledger.close(run.run_id, RunStatus.COMPLETED, None, self.clock.now(), [])


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await scene.registry.apply(parse_definitions(DEFINITIONS, file="t"), "ann")
    return scene


async def test_both_ends_count_and_days_without_runs_do_not(scene: Scene):
    plan = await scene.backfiller.plan(RANGE)
    assert plan.to_run == [NOW]  # the others are on the excluded day
    day = BackfillRange("hourly", NOW - 48 * HOUR, NOW - 24 * HOUR - timedelta(microseconds=1))
    plan = await scene.backfiller.plan(day)
    assert (plan.slots[0], plan.slots[-1]) == (NOW - 48 * HOUR, NOW - 25 * HOUR)
    assert len(plan.slots) == 24
    newest = BackfillRange(day.definition_id, day.first, day.last, BackfillOrder.NEWEST)
    assert (await scene.backfiller.plan(newest)).slots == list(plan.slots)[::-1]
    assert not scene.system.state.tables.backfills


async def test_slots_with_a_run_are_not_planned_again(scene: Scene):
    await scene.request()
    await scene.backfiller.step()
    plan = await scene.backfiller.plan(RANGE)
    assert (plan.to_run, list(plan.existing)) == ([], [NOW])


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (BackfillRange("hourly", NOW - HOUR, NOW + timedelta(seconds=1)), "^to: .* future"),
        (BackfillRange("hourly", NOW, NOW - HOUR), "^from: .* later than `to`"),
        (BackfillRange("hourly", datetime(1969, 1, 1, tzinfo=UTC), NOW), "^from: .* 1970"),
        (
            BackfillRange("busy", NOW - timedelta(seconds=MOST_SLOTS), NOW),
            "^more than 10,000 slots",
        ),
    ],
)
async def test_what_is_no_range(scene: Scene, wanted: BackfillRange, why: str):
    with pytest.raises(BadInputError) as caught:
        await scene.request(wanted, confirmed=True)
    assert re.search(why, caught.value.message)


@pytest.mark.parametrize(
    ("definition_id", "why"), [("by-hand", "no schedule"), ("disabled", "enabled: false")]
)
async def test_what_has_no_slots(scene: Scene, definition_id: str, why: str):
    with pytest.raises(ConflictError, match=why):
        await scene.backfiller.plan(BackfillRange(definition_id, NOW - HOUR, NOW))


async def test_paused_retired_and_unknown(scene: Scene):
    await scene.registry.pause("hourly", "bob")
    with pytest.raises(ConflictError, match=r"paused \(resume it first\)"):
        await scene.request()
    await scene.registry.retire("hourly", "bob")
    with pytest.raises(ConflictError, match="retired"):
        await scene.request()
    with pytest.raises(NotFoundError):
        await scene.request(BackfillRange("never", NOW, NOW))


async def test_many_slots_are_to_be_confirmed(scene: Scene):
    few = BackfillRange("busy", NOW - timedelta(seconds=MOST_UNCONFIRMED - 1), NOW)
    many = BackfillRange("busy", few.first - timedelta(seconds=1), NOW)
    with pytest.raises(BadInputError, match=r"1,001 slots .* --yes"):
        await scene.request(many)
    assert (await scene.request(few, id_="few")).slots == MOST_UNCONFIRMED
    assert (await scene.request(many, id_="many", confirmed=True)).slots == MOST_UNCONFIRMED + 1


@pytest.mark.parametrize("id_", ["", "a b", "-x", "a" * 65, "ü"])
async def test_ids_that_are_none(scene: Scene, id_: str):
    with pytest.raises(BadInputError, match="no request id"):
        await scene.request(id_=id_)


@pytest.mark.parametrize("number", [0, MOST_CONCURRENT + 1])
async def test_too_few_or_too_many_at_a_time(scene: Scene, number: int):
    with pytest.raises(BadInputError, match="max_concurrent"):
        await scene.request(max_concurrent=number)


async def test_the_same_id_finds_the_same_backfill(scene: Scene):
    first = await scene.request()
    await scene.registry.retire("hourly", "bob")
    assert await scene.request() == first
    with pytest.raises(ConflictError, match="another range"):
        await scene.request(BackfillRange("hourly", NOW - HOUR, NOW))


async def test_slots_are_released_in_turn_and_the_starter_is_told(scene: Scene):
    two = BackfillRange("hourly", NOW - 26 * HOUR, NOW, BackfillOrder.NEWEST)
    await scene.request(two, max_concurrent=2)
    assert not scene.system.doorbell.rings[Topic.STARTER]
    await scene.backfiller.step()
    assert scene.slots() == [NOW, NOW - 25 * HOUR]
    assert scene.system.doorbell.rings[Topic.STARTER] == 1
    await scene.backfiller.step()
    assert scene.system.doorbell.rings[Topic.STARTER] == 1
    await scene.close_all()
    await scene.backfiller.step()
    assert scene.slots() == [NOW, NOW - 25 * HOUR, NOW - 26 * HOUR]
    await scene.close_all()
    await scene.backfiller.step()
    progress = await scene.system.backfills.progress("b")
    assert (progress.status, progress.counts) == (BackfillStatus.COMPLETED, {"completed": 3})


async def test_runs_pin_the_version_of_their_release(scene: Scene):
    await scene.request(BackfillRange("hourly", NOW - 25 * HOUR, NOW))
    await scene.backfiller.step()
    changed = DEFINITIONS.replace("title: T", "title: U")
    await scene.registry.apply(parse_definitions(changed, file="t"), "ann")
    await scene.close_all()
    await scene.backfiller.step()
    runs = scene.system.state.tables.runs.values()
    assert [run.version for run in runs] == [1, 2]


async def test_a_pause_puts_it_off(scene: Scene):
    await scene.request()
    await scene.registry.pause("hourly", "bob")
    await scene.backfiller.step()
    assert scene.slots() == []
    await scene.registry.resume("hourly", "bob")
    await scene.backfiller.step()
    assert scene.slots() == [NOW]


async def test_stopping_keeps_what_was_made(scene: Scene):
    await scene.request(BackfillRange("hourly", NOW - 25 * HOUR, NOW))
    await scene.backfiller.step()
    stopped = await scene.backfiller.stop("b")
    assert (stopped.status, stopped.counts) == (
        BackfillStatus.STOPPED,
        {"pending": 1, "waiting": 1},
    )
    with pytest.raises(NotFoundError):
        await scene.backfiller.stop("never")


async def test_a_pause_began_when_it_began_whatever_was_applied_since(scene: Scene):
    async def since() -> datetime | None:
        snapshot = await scene.system.registry_store.snapshot()
        return await paused_since(scene.system.registry_store, snapshot.entries["hourly"])

    assert await since() is None
    await scene.registry.pause("hourly", "bob")
    scene.clock.advance(HOUR)
    changed = DEFINITIONS.replace("title: T", "title: U")
    await scene.registry.apply(parse_definitions(changed, file="t"), "ann")
    assert await since() == NOW
    await scene.registry.resume("hourly", "bob")
    assert await since() is None
    await scene.registry.pause("hourly", "bob")
    assert await since() == NOW + HOUR
