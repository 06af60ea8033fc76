"""Rollouts over every store: from the first share to all, or back."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.contract.slots import MINUTE, cursor
from tests.contract.stores import AT, ID, SECOND, Stores, definition, event

from activity_core.adapters.memory.clock import ManualClock
from activity_core.adapters.memory.doorbell import MemoryDoorbell
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition_file.bundle import Bundle
from activity_core.core.errors import (
    BadInputError,
    ConflictError,
    InvalidDefinitionError,
    NotFoundError,
)
from activity_core.core.rollout import Rollout
from activity_core.core.run.run import RunFailure, RunStatus
from activity_core.ports.reading import Query
from activity_core.ports.registry import RegistryEntry
from activity_core.ports.rollouts import RunTally
from activity_core.services.catalogue import Catalogue
from activity_core.services.flow import FlowControl
from activity_core.services.listeners import Listeners
from activity_core.services.manual_trigger import ManualTrigger
from activity_core.services.registry import Registry
from activity_core.services.rollout_desk import RolloutDesk, Share, stop_rollout
from activity_core.services.rollout_keeper import RolloutKeeper
from activity_core.services.router import Router
from activity_core.services.slot_history import SlotHistories
from activity_core.services.slot_settler import SlotSettler

FIRST, SECOND_ONE, THIRD = (definition(title=title) for title in ("One", "Two", "Three"))
ALL = Share(100)
EVER = {ID: datetime.min.replace(tzinfo=UTC)}


class Desk(RolloutDesk):
    """A desk over some stores, and all who ask which version a run pins."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.clock, self.doorbell = ManualClock(AT), MemoryDoorbell()
        self.registry = Registry(stores.registry, self.doorbell, self.clock, config={})
        super().__init__(self.registry, stores.registry, self.clock, self.doorbell)
        self.keeper = RolloutKeeper(stores.registry, stores.rollouts, self.clock)
        self.listeners = Listeners(stores.registry)

    async def apply(self, *definitions: ActivityDefinition) -> str:
        report = await self.registry.apply(Bundle(definitions=definitions), "ann")
        self.clock.advance(SECOND)
        return report.definitions[0].change

    async def entry(self) -> RegistryEntry:
        return (await self.stores.registry.snapshot()).entries[ID]

    async def standing(self) -> tuple[int, int | None, bool]:
        """The version in force, the candidate's, and whether that goes on."""
        entry = await self.entry()
        if entry.rollout is None:
            return entry.version, None, False
        return entry.version, entry.rollout.version, entry.rollout.goes_on

    async def route(self, *numbers: int, data: Any = None) -> dict[str, int]:
        """Send events; by run id, the version that it pins."""
        events = [event(f"o-{number}", data=data) for number in numbers]
        await self.stores.accept(*events, at=self.clock.now())
        control = FlowControl(tenant=self.stores.tenant, deployment="test")
        router = Router(self.stores.inbox, self.listeners, control, self.clock, self.doorbell)
        while await router.step():
            pass
        ids = [self.stores.run_id(each) for each in events]
        return {run_id: await self.version_of(run_id) for run_id in ids}

    async def version_of(self, run_id: str) -> int:
        run: Mapping[str, Any] = await self.stores.reading.run(run_id)
        assert {each["version"] for each in run["decisions"]} == {run["version_used"]}
        version: int = run["version_used"]
        return version


@pytest.fixture
async def desk(stores: Stores) -> Desk:
    desk = Desk(stores)
    await desk.apply(FIRST)
    return desk


async def test_a_candidate_is_published_but_not_in_force(desk: Desk):
    await desk.start(SECOND_ONE, Share(10, "event.data.customer", 0.5, 3), "ann", "try it")
    entry = await desk.entry()
    assert (entry.version, entry.definition.title, entry.reason) == (1, "One", "try it")
    assert entry.rollout == Rollout(
        2, SECOND_ONE.digest.hex(), 10, desk.clock.now(), "event.data.customer", 0.5, 3
    )
    assert (await desk.stores.registry.version(ID, 2)).title == "Two"
    assert await desk.standing() == (1, 2, True)
    [*_, line] = (await desk.stores.registry.history(EVER))[ID]
    assert (line.version, line.rollout) == (1, entry.rollout)


async def test_a_share_can_change_and_keeps_its_version_and_its_beginning(desk: Desk):
    await desk.start(SECOND_ONE, Share(10), "ann")
    began = desk.clock.now()
    desk.clock.advance(MINUTE)
    await desk.start(SECOND_ONE, Share(50), "ann")
    entry = await desk.entry()
    assert entry.rollout is not None
    assert (entry.rollout.version, entry.rollout.percent, entry.rollout.since) == (2, 50, began)


async def test_another_candidate_takes_the_place_of_the_first(desk: Desk):
    await desk.start(SECOND_ONE, ALL, "ann")
    await desk.start(THIRD, ALL, "ann")
    assert await desk.standing() == (1, 3, True)


async def test_promoting_puts_it_in_force(desk: Desk):
    await desk.start(SECOND_ONE, Share(10), "ann")
    await desk.promote(ID, "bob", "it is well")
    entry = await desk.entry()
    assert (entry.version, entry.definition.title, entry.rollout) == (2, "Two", None)
    assert (entry.actor, entry.reason) == ("bob", "it is well")
    with pytest.raises(ConflictError, match="no rollout"):
        await desk.promote(ID, "bob")


async def test_applying_the_candidate_promotes_it(desk: Desk):
    await desk.start(SECOND_ONE, Share(10), "ann")
    assert await desk.apply(FIRST) == "unchanged"
    assert await desk.standing() == (1, 2, True)
    assert await desk.apply(SECOND_ONE) == "updated"
    assert await desk.standing() == (2, None, False)


async def test_applying_another_document_ends_the_rollout(desk: Desk):
    await desk.start(SECOND_ONE, Share(10), "ann")
    assert await desk.apply(THIRD) == "updated"
    assert await desk.standing() == (3, None, False)


async def test_pauses_outlive_rollouts_and_rollouts_pauses(desk: Desk):
    await desk.start(SECOND_ONE, Share(10), "ann")
    await desk.registry.pause(ID, "ann")
    assert await desk.standing() == (1, 2, True)
    await desk.promote(ID, "ann")
    assert (await desk.entry()).paused


async def test_retiring_ends_it_and_its_number_is_not_used_again(desk: Desk):
    await desk.start(SECOND_ONE, Share(10), "ann")
    await desk.registry.retire(ID, "ann")
    assert await desk.standing() == (1, 2, False)
    with pytest.raises(ConflictError, match="retired"):
        await desk.start(THIRD, ALL, "ann")
    with pytest.raises(ConflictError, match="retired"):
        await desk.roll_back(ID, "ann")
    with pytest.raises(ConflictError, match="retired"):
        await desk.roll_back(ID, "ann", to=1)
    assert await desk.apply(FIRST) == "updated"
    assert await desk.standing() == (1, 2, False)
    assert await desk.apply(THIRD) == "updated"
    assert await desk.standing() == (3, None, False)


async def test_rolling_back_while_a_candidate_is_tried_stops_it(desk: Desk):
    await desk.start(SECOND_ONE, ALL, "ann")
    await desk.roll_back(ID, "bob", "it is slow")
    entry = await desk.entry()
    assert entry.rollout is not None
    assert (entry.version, entry.rollout.stopped) == (1, "by bob: it is slow")
    with pytest.raises(ConflictError, match="stopped: by bob"):
        await desk.promote(ID, "ann")
    assert set((await desk.route(1)).values()) == {1}
    await desk.start(SECOND_ONE, ALL, "ann")  # once more, from the beginning
    assert await desk.standing() == (1, 2, True)


async def test_rolling_back_publishes_the_version_before_as_the_newest(desk: Desk):
    await desk.apply(SECOND_ONE)
    await desk.roll_back(ID, "bob", "it is wrong")
    entry = await desk.entry()
    assert (entry.version, entry.definition) == (3, FIRST)
    assert (entry.actor, entry.reason) == ("bob", "rolled back to version 1: it is wrong")
    await desk.roll_back(ID, "bob", to=2)
    entry = await desk.entry()
    assert (entry.version, entry.definition, entry.reason) == (
        4,
        SECOND_ONE,
        "rolled back to version 2",
    )


async def test_rolling_back_needs_somewhere_to_go(desk: Desk):
    with pytest.raises(ConflictError, match="no other version"):
        await desk.roll_back(ID, "ann")
    with pytest.raises(NotFoundError):
        await desk.roll_back(ID, "ann", to=7)
    with pytest.raises(NotFoundError):
        await desk.roll_back("unknown", "ann")
    assert await desk.standing() == (1, None, False)


async def test_only_what_follows_may_differ(desk: Desk):
    other = definition(title="Two").document() | {"trigger": {"event": {"type": "other"}}}
    with pytest.raises(BadInputError, match="trigger differs from that of version 1"):
        await desk.start(ActivityDefinition.model_validate(other), ALL, "ann")
    with pytest.raises(ConflictError, match="version in force"):
        await desk.start(FIRST, ALL, "ann")
    with pytest.raises(NotFoundError):
        await desk.start(definition("unknown"), ALL, "ann")
    with pytest.raises(BadInputError, match="key of the rollout"):
        await desk.start(SECOND_ONE, Share(10, "event.("), "ann")
    ongoing = {
        "lifecycle": "ongoing",
        "correlation": "event.data.order",
        "trigger": {"event": {"type": "order.*"}},
    }
    one, two = (
        ActivityDefinition.model_validate(each.document() | {"id": "case"} | ongoing)
        for each in (FIRST, SECOND_ONE)
    )
    await desk.apply(one)
    with pytest.raises(BadInputError, match="pin their version"):
        await desk.start(two, ALL, "ann")
    broken = SECOND_ONE.document() | {
        "rules": [{"id": "all", "when": "nonsense", "tasks": FIRST.document()["rules"][0]["tasks"]}]
    }
    with pytest.raises(InvalidDefinitionError):
        await desk.start(ActivityDefinition.model_validate(broken), ALL, "ann")
    assert await desk.standing() == (1, None, False)


async def test_events_draw_their_version(desk: Desk):
    await desk.start(SECOND_ONE, Share(50), "ann")
    drawn = list((await desk.route(*range(60))).values())
    assert set(drawn) == {1, 2}
    assert 15 < drawn.count(2) < 45
    await desk.promote(ID, "ann")
    assert set((await desk.route(100, 101)).values()) == {2}


async def test_events_of_one_customer_get_one_version(desk: Desk):
    await desk.start(SECOND_ONE, Share(50, "event.data.customer"), "ann")
    found = set()
    for number in range(12):
        events = range(number * 3, number * 3 + 3)
        drawn = set((await desk.route(*events, data={"customer": number})).values())
        assert len(drawn) == 1
        found |= drawn
    assert found == {1, 2}
    await desk.start(SECOND_ONE, Share(100, "event.data.customer"), "ann")
    assert set((await desk.route(100, data={})).values()) == {1}  # no customer


async def test_what_flow_control_lets_through_draws_too(desk: Desk):
    trigger = {"trigger": {"event": {"type": "order.*", "concurrency": {"limit": 9}}}}
    one, two = (
        ActivityDefinition.model_validate(each.document() | trigger) for each in (FIRST, SECOND_ONE)
    )
    await desk.apply(one)
    await desk.start(two, ALL, "ann")
    assert set((await desk.route(1, 2)).values()) == {3}


async def test_slots_and_requests_draw_theirs(desk: Desk):
    stores = desk.stores
    settler = SlotSettler(
        stores.slots,
        SlotHistories(stores.registry, Catalogue(stores.registry)),
        desk.clock,
        desk.doorbell,
        deployment="test",
    )
    await desk.start(SECOND_ONE, ALL, "ann")
    desk.clock.advance(10 * SECOND)  # its slots are 10 s apart
    await stores.slots.plan([cursor()])
    await settler.settle()
    trigger = ManualTrigger(stores.registry, stores.run_queue, desk.doorbell, desk.clock)
    manual = await trigger.fire(ID, "r-1", {}, "ann")
    assert await desk.version_of(manual.run_id) == 2
    page = await stores.reading.runs(Query())
    kinds = {(run["trigger"], run["version_used"]) for run in page.items}
    assert kinds == {("schedule", 2), ("manual", 2)}


async def fail(desk: Desk, runs: Mapping[str, int], failed: int) -> None:
    for number, run_id in enumerate(runs):
        status = RunStatus.FAILED if number < failed else RunStatus.COMPLETED
        why = RunFailure("task_failed", "broken") if number < failed else None
        assert await desk.stores.run_ledger.close(run_id, status, why, desk.clock.now(), [])


async def test_it_stops_by_itself_and_says_why(desk: Desk):
    await desk.start(SECOND_ONE, Share(100, stop_at=0.2, min_runs=5), "ann")
    await desk.keeper.step()
    await fail(desk, await desk.route(*range(4)), 1)
    await desk.keeper.step()
    assert await desk.standing() == (1, 2, True)  # too few to judge
    await fail(desk, await desk.route(*range(10, 12)), 1)
    await desk.keeper.step()
    entry = await desk.entry()
    assert entry.rollout is not None
    why = "2 of 6 runs of version 2 failed: 33% of them, more than 20%"
    assert (entry.rollout.stopped, entry.reason, entry.actor) == (why, why, "activity-core")
    assert set((await desk.route(50)).values()) == {1}
    await desk.keeper.step()
    assert (await desk.entry()).revision == entry.revision


async def test_a_tally_counts_what_is_over_since_then(desk: Desk):
    before = await desk.route(1)
    await desk.start(SECOND_ONE, ALL, "ann")
    desk.clock.advance(SECOND)
    since = desk.clock.now()
    runs = await desk.route(*range(10, 15))
    await fail(desk, before, 1)
    await fail(desk, dict(list(runs.items())[:3]), 2)
    *_, cancelled, _ = runs
    assert await desk.stores.run_ledger.close(cancelled, RunStatus.CANCELLED, None, since, [])
    rollouts = desk.stores.rollouts
    assert await rollouts.tally(ID, 2, since) == RunTally(3, 2)
    assert await rollouts.tally(ID, 1, since) == RunTally()
    assert await rollouts.tally(ID, 2, since + MINUTE) == RunTally()


async def test_a_rollout_that_changed_is_not_stopped_for_what_it_was(desk: Desk):
    await desk.start(SECOND_ONE, ALL, "ann")
    entry = await desk.entry()
    assert entry.rollout is not None
    other = replace(entry, rollout=replace(entry.rollout, percent=1))
    assert not await stop_rollout(desk.stores.registry, desk.clock, other, actor="x", why="y")
    await desk.promote(ID, "ann")
    assert not await stop_rollout(desk.stores.registry, desk.clock, entry, actor="x", why="y")
