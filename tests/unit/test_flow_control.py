"""Flow control as a whole: routed events are held, go on in time, and end as decided."""

from datetime import timedelta
from typing import Any

import pytest
from tests.unit.memory_system import MemorySystem

from activity_core.adapters.memory.flow import MemoryFlowStore, MemoryOpenFlow
from activity_core.adapters.memory.run_ledger import MemoryRunLedger
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.run.run import RunStatus
from activity_core.ports.entrances import Change
from activity_core.ports.registry import LogLine
from activity_core.services.flow import FlowControl
from activity_core.services.flow_keeper import SETTLING, FlowKeeper
from activity_core.services.listeners import Listeners
from activity_core.services.registry import Registry

SECOND = timedelta(seconds=1)


class Scene:
    """One definition `d` with some flow control; events of type `thing` come in."""

    def __init__(self) -> None:
        self.system = MemorySystem()
        system = self.system
        self.registry = Registry(system.registry_store, system.doorbell, system.clock, config={})
        self.router = system.router()
        self.store = MemoryFlowStore(system.state)
        self.keeper = FlowKeeper(
            self.store,
            Listeners(system.registry_store),
            FlowControl(tenant="main", deployment="test"),
            system.clock,
            system.doorbell,
        )

    async def apply(self, control: str, *, rest: str = "") -> None:
        text = (
            f"id: d\n{rest}\ntrigger: {{event: {{type: thing, {control}}}}}\n"
            "rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]"
        )
        await self.registry.apply(parse_definitions(text, file="t"), "ann")

    async def send(self, *ids: str, **data: Any) -> None:
        events = [EventEnvelope(id=id_, source="/s", type="thing", data=data) for id_ in ids]
        await self.system.ingest.accept(events, "http")
        while await self.router.step():
            pass

    async def passes(self, time: timedelta) -> None:
        self.system.clock.advance(time)
        while await self.keeper.step():
            pass

    async def wake(self) -> None:
        await self.passes(timedelta())

    async def ends(self, *run_ids: str) -> None:
        for run_id in run_ids:
            await MemoryRunLedger(self.system.state).close(
                run_id, RunStatus.COMPLETED, None, self.system.clock.now(), ()
            )
        await self.wake()

    @property
    def outcomes(self) -> dict[str, str]:
        """By event id."""
        tables = self.system.state.tables
        ids = {key: row.envelope.id for key, row in tables.events.items()}
        return {
            ids[row.event_key]: str(row.outcome)
            for row in tables.decisions.values()
            if row.event_key
        }

    @property
    def runs(self) -> dict[str, tuple[str, ...]]:
        """Event ids by run, in the order in which the runs see them."""
        tables = self.system.state.tables
        ids = {key: row.envelope.id for key, row in tables.events.items()}
        return {
            run_id: tuple(ids[event_key] for event_key in run.events)
            for run_id, run in tables.runs.items()
        }

    def run_of(self, event_id: str) -> str:
        return next(run for run, events in self.runs.items() if event_id in events)


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_a_batch_is_one_run(scene: Scene):
    await scene.apply("batch: {max_size: 3, max_wait: 10s}")
    await scene.send("1", "2")
    assert scene.outcomes == {"1": "held", "2": "held"}
    assert scene.runs == {}
    await scene.send("3", "4")
    assert scene.outcomes == {"1": "fired", "2": "merged", "3": "merged", "4": "held"}
    assert list(scene.runs.values()) == [("1", "2", "3")]
    await scene.passes(9 * SECOND)
    assert scene.outcomes["4"] == "held"
    await scene.passes(SECOND)
    assert scene.outcomes["4"] == "fired"
    assert sorted(scene.runs.values()) == [("1", "2", "3"), ("4",)]


async def test_runs_of_one_key_come_one_after_the_other(scene: Scene):
    await scene.apply("order: {key: event.data.key}")
    await scene.send("1", "2", "3", key="a")
    await scene.send("4", key="b")
    assert scene.outcomes == {"1": "fired", "2": "held", "3": "held", "4": "fired"}
    await scene.ends(scene.run_of("1"))
    assert scene.outcomes == {"1": "fired", "2": "fired", "3": "held", "4": "fired"}
    await scene.ends(scene.run_of("2"))
    assert scene.outcomes["3"] == "fired"


async def test_a_limit_counts_in_order_of_arrival_whatever_the_keys(scene: Scene):
    await scene.apply("order: {key: event.data.key}, concurrency: {limit: 2, when_full: drop}")
    events = [
        EventEnvelope(id=str(n), source="/s", type="thing", data={"key": n % 5}) for n in range(5)
    ]
    await scene.system.ingest.accept(events, "http")
    while await scene.router.step():
        pass
    assert [outcome for _, outcome in sorted(scene.outcomes.items())] == [
        "fired",
        "fired",
        "dropped",
        "dropped",
        "dropped",
    ]


async def test_who_gets_no_run_gives_up_its_turn(scene: Scene):
    await scene.apply("order: {key: event.data.key}, concurrency: {limit: 1, when_full: drop}")
    await scene.send("1", key="a")
    await scene.send("2", "3", key="b")  # each is let through by the order, then dropped
    assert scene.outcomes == {"1": "fired", "2": "dropped", "3": "dropped"}
    await scene.ends(scene.run_of("1"))
    await scene.send("4", key="b")
    assert scene.outcomes["4"] == "fired"


async def test_the_oldest_is_cancelled_for_the_newest(scene: Scene):
    await scene.apply("concurrency: {limit: 1, when_full: cancel_oldest}")
    await scene.send("1")
    first = scene.run_of("1")
    await scene.send("2", "3")
    assert scene.system.state.tables.runs[first].status == RunStatus.CANCELLED
    # The second never started: its place was taken in the same moment.
    assert scene.outcomes == {"1": "fired", "2": "dropped", "3": "fired"}
    assert len(scene.runs) == 2


async def test_several_stages_one_after_the_other(scene: Scene):
    await scene.apply(
        "batch: {max_size: 2, max_wait: 5s}, throttle: {limit: 1, per: 1m}, concurrency: {limit: 1}"
    )
    await scene.send("1", "2", "3", "4", "5", "6")
    assert [outcome for outcome in scene.outcomes.values() if outcome == "held"] == ["held"] * 4
    assert list(scene.runs.values()) == [("1", "2")]
    await scene.passes(60 * SECOND)  # the throttle lets the next go, the first still runs
    assert len(scene.runs) == 1
    await scene.ends(scene.run_of("1"))
    assert sorted(scene.runs.values()) == [("1", "2"), ("3", "4")]
    await scene.passes(60 * SECOND)
    await scene.ends(scene.run_of("3"))
    assert sorted(scene.runs.values()) == [("1", "2"), ("3", "4"), ("5", "6")]
    assert set(scene.outcomes.values()) == {"fired", "merged"}


async def test_events_with_the_same_key_are_merged_into_no_batch_twice(scene: Scene):
    await scene.apply("dedupe_key: event.data.no, batch: {max_size: 2, max_wait: 5s}")
    await scene.send("1", no=7)
    await scene.send("2", no=7)
    assert scene.outcomes == {"1": "held", "2": "deduplicated"}
    await scene.send("3", no=8)
    assert scene.outcomes == {"1": "fired", "2": "deduplicated", "3": "merged"}
    await scene.send("4", no=8)
    assert scene.outcomes["4"] == "deduplicated"


async def test_what_was_seen_long_ago_is_new(scene: Scene):
    await scene.apply(
        "dedupe_key: event.data.no, dedupe_window: 60s, batch: {max_size: 9, max_wait: 5s}"
    )
    await scene.send("1", no=7)
    await scene.passes(5 * SECOND)
    await scene.send("2", no=7)
    assert scene.outcomes == {"1": "fired", "2": "deduplicated"}
    await scene.passes(60 * SECOND)
    await scene.send("3", no=7)
    await scene.passes(5 * SECOND)
    assert scene.outcomes == {"1": "fired", "2": "deduplicated", "3": "fired"}


async def test_what_is_paused_when_its_time_has_come_is_skipped(scene: Scene):
    await scene.apply("batch: {max_size: 9, max_wait: 5s}")
    await scene.send("1", "2")
    await pause(scene)
    await scene.passes(5 * SECOND)
    assert scene.outcomes == {"1": "skipped", "2": "skipped"}
    assert await scene.store.next_wake() is None


async def test_what_is_retired_leaves_nothing_behind(scene: Scene):
    await scene.apply("concurrency: {limit: 1}")
    await scene.send("1", "2")
    await scene.registry.retire("d", "ann")
    await scene.ends(scene.run_of("1"))
    assert scene.outcomes == {"1": "fired", "2": "skipped"}
    assert scene.system.state.tables.flow_states == {}


async def test_nothing_fires_before_what_it_waited_for_ended(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.apply("concurrency: {limit: 1}")
    await scene.send("1", "2")
    finished = MemoryOpenFlow.finished

    async def slowly(flow: MemoryOpenFlow, *of: Any) -> Any:
        scene.system.clock.advance(SECOND)  # it may end while its end is asked for
        return await finished(flow, *of)

    asked_at = scene.system.clock.now()
    monkeypatch.setattr(MemoryOpenFlow, "finished", slowly)
    await scene.ends(scene.run_of("1"))
    decided = scene.system.state.tables.runs[scene.run_of("2")]
    assert decided.fired_at >= asked_at + SECOND


async def test_a_version_without_the_stage_lets_everything_go(scene: Scene):
    await scene.apply("batch: {max_size: 9, max_wait: 5s}")
    await scene.send("1", "2")
    await scene.apply("priority: 1")
    await scene.send("3")
    assert scene.outcomes == {"1": "held", "2": "held", "3": "fired"}
    await scene.wake()
    assert scene.outcomes == {"1": "fired", "2": "merged", "3": "fired"}


async def test_what_waits_does_so_by_the_newest_version(scene: Scene):
    await scene.apply("concurrency: {limit: 1}")
    await scene.send("1", "2", "3")
    await scene.apply("concurrency: {limit: 2}")
    await scene.wake()
    assert scene.outcomes == {"1": "fired", "2": "fired", "3": "held"}


async def test_a_change_that_a_router_did_not_know_yet_is_followed_later(scene: Scene):
    await scene.apply("batch: {max_size: 9, max_wait: 1h}")
    await scene.send("1")
    before = scene.system.state.tables.flow_states.copy()
    await scene.apply("batch: {max_size: 9, max_wait: 1s}")
    await scene.wake()
    scene.system.state.tables.flow_states.update(before)  # it writes by the version before
    await scene.passes(SECOND)
    assert scene.outcomes == {"1": "held"}
    await scene.passes(SETTLING)
    assert scene.outcomes == {"1": "fired"}


async def test_a_keeper_that_starts_follows_changes_since_its_end(scene: Scene):
    await scene.apply("batch: {max_size: 9, max_wait: 1h}")
    await scene.send("1")
    await scene.apply("batch: {max_size: 9, max_wait: 1s}")
    scene.system.clock.advance(60 * SECOND)
    await scene.wake()
    assert scene.outcomes == {"1": "fired"}


async def test_a_composite_fires_with_all_its_events(scene: Scene):
    text = """
id: d
trigger:
  composite:
    all_of: [{type: thing, filter: event.data.is == "a"}, {type: thing, filter: event.data.is == "b"}]
    within: 10s
rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]
"""  # noqa: E501 - readable as YAML
    await scene.registry.apply(parse_definitions(text, file="t"), "ann")
    await scene.send("1", **{"is": "a"})
    assert scene.outcomes == {"1": "held"}
    await scene.send("2", **{"is": "b"})
    assert scene.outcomes == {"1": "merged", "2": "fired"}
    assert list(scene.runs.values()) == [("1", "2")]
    await scene.send("3", **{"is": "b"})
    await scene.passes(60 * SECOND)
    assert scene.outcomes["3"] == "dropped"


async def test_a_lost_rollback_changes_nothing(scene: Scene):
    """The keeper is stopped between deciding and writing: the next one decides the same."""
    await scene.apply("batch: {max_size: 9, max_wait: 5s}")
    await scene.send("1", "2")
    scene.system.clock.advance(5 * SECOND)
    [key] = await scene.store.due(scene.system.clock.now(), 10)
    listeners = Listeners(scene.system.registry_store)
    await listeners.refresh()
    control = FlowControl(tenant="main", deployment="test")
    async with scene.store.open() as flow:
        await control.decide(flow, listeners.entries, (), scene.system.clock.now, woken=[key])
    assert scene.outcomes == {"1": "held", "2": "held"}
    await scene.wake()
    assert scene.outcomes == {"1": "fired", "2": "merged"}
    await scene.wake()
    assert len(scene.runs) == 1


async def pause(scene: Scene) -> None:
    async with scene.system.registry_store.edit("ann", scene.system.clock.now) as edit:
        line = LogLine("d", Change.PAUSED, 1, paused=True, retired=False, reason="too loud")
        await edit.log([line])
