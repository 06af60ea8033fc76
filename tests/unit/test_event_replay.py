"""Event replays: what is judged, how fast, and what nobody runs twice."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tests.unit.memory_system import MemorySystem, event

from activity_core.adapters.memory.flow import MemoryOpenFlow
from activity_core.adapters.memory.open_records import MemoryOpenRecords
from activity_core.core.decision import Outcome
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.errors import BadInputError, ConflictError, NotFoundError, RejectedError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.event_replays import EventReplay, EventReplayStatus, Tally
from activity_core.ports.flow import Decided
from activity_core.services import event_replay, event_replay_desk
from activity_core.services.event_replay_range import EventReplayRange
from activity_core.services.registry import Registry

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
TASKS = "rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]"
TRIAGE = (
    f"id: triage\ntrigger: {{event: {{type: order.*, filter: event.data.amount > 100}}}}\n{TASKS}"
)
PAIR = f"""
id: pair
trigger: {{composite: {{all_of: [{{type: order.paid}}, {{type: order.sent}}], key: event.subject,
    within: 1d, lookback: 1h}}}}
{TASKS}
"""
BATCH = f"""
id: batch
trigger: {{event: {{type: order.*, batch: {{max_size: 3, max_wait: 1h}}}}}}
{TASKS}
"""


class Scene:
    """A system to which events came before anybody listened to them."""

    def __init__(self) -> None:
        self.system = MemorySystem()
        self.since = self.system.clock.now()
        self.desk = self.system.event_replay_desk

    @property
    def range(self) -> EventReplayRange:
        return EventReplayRange("triage", self.since)

    async def apply(self, text: str) -> None:
        system = self.system
        registry = Registry(system.registry_store, system.doorbell, system.clock, config={})
        await registry.apply(parse_definitions(text, file="t"), "ann")

    async def receive(self, *ids: str, route: bool = True, **changes: object) -> None:
        for id_ in ids:
            document = event(id_, **changes)
            await self.system.ingest.accept([EventEnvelope.from_json(document)], "http")
            self.system.clock.advance(SECOND)
        while route and await self.system.router().step():
            pass

    async def ask(
        self, id_: str = "first", wanted: EventReplayRange | None = None, rate: float | None = None
    ) -> EventReplay:
        asked = wanted or self.range
        return await self.desk.request(id_, asked, rate=rate, actor="ann", reason="mended")

    async def finish(self, id_: str = "first") -> Tally:
        """Step, second by second, until it is over."""
        for _ in range(100):
            while await self.system.event_replayer.step():
                pass
            replay = await self.system.event_replays.progress(id_)
            if replay.status is not EventReplayStatus.RUNNING:
                return replay.tally
            self.system.clock.advance(SECOND)
        raise AssertionError(replay)

    def runs(self) -> list[str]:
        """Ids of the events that runs were fired for, in order."""
        tables = self.system.state.tables
        return [tables.events[run.events[0]].envelope.id for run in tables.runs.values()]

    def outcomes(self, prefix: str = "r.") -> list[str]:
        decisions = self.system.state.tables.decisions.values()
        return [each.outcome for each in decisions if each.input_key.startswith(prefix)]


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_a_definition_published_later_gets_its_runs_once(scene: Scene):
    await scene.receive("a", "b")
    await scene.receive("small", data={"amount": 1})
    await scene.receive("other", type="refund.made")
    await scene.apply(TRIAGE)
    asked = await scene.ask()
    assert (asked.request.until, asked.tally) == (scene.system.clock.now(), Tally())
    assert await scene.finish() == Tally(looked_at=3, existing=0, matched=2, fired=2)
    assert scene.runs() == ["a", "b"]
    assert scene.outcomes() == [Outcome.FIRED] * 2
    await scene.ask("second")
    assert await scene.finish("second") == Tally(looked_at=3, existing=2, matched=0, fired=0)
    assert (len(scene.runs()), len(scene.outcomes())) == (2, 2)


async def test_events_that_fired_when_they_came_are_left_alone(scene: Scene):
    await scene.receive("a")
    await scene.apply(TRIAGE)
    await scene.receive("b")
    await scene.ask()
    assert await scene.finish() == Tally(looked_at=2, existing=1, matched=1, fired=1)
    assert sorted(scene.runs()) == ["a", "b"]


async def test_a_mended_filter_finds_what_the_broken_one_let_pass(scene: Scene):
    await scene.apply(TRIAGE.replace("100", "1000"))
    await scene.receive("a")
    await scene.apply(TRIAGE)
    await scene.ask()
    assert (await scene.finish()).fired == 1
    [run] = scene.system.state.tables.runs.values()
    assert (run.version, run.occurrence.key[:2]) == (2, "e.")


async def test_it_keeps_its_pace(scene: Scene):
    await scene.receive(*map(str, range(7)))
    await scene.apply(TRIAGE)
    await scene.ask(rate=2)
    made = []
    for _ in range(5):
        while await scene.system.event_replayer.step():
            pass
        made.append(len(scene.runs()))
        scene.system.clock.advance(SECOND)
    assert made == [2, 4, 6, 7, 7]
    assert scene.runs() == [str(number) for number in range(7)]
    over = await scene.system.event_replays.progress("first")
    assert over.tally == Tally(7, 0, 7, 7)


async def test_less_than_one_a_second(scene: Scene):
    await scene.receive("a", "b")
    await scene.apply(TRIAGE)
    await scene.ask(rate=0.5)
    await scene.system.event_replayer.step()
    scene.system.clock.advance(SECOND)
    await scene.system.event_replayer.step()
    assert scene.runs() == ["a"]
    scene.system.clock.advance(SECOND)
    await scene.system.event_replayer.step()
    assert scene.runs() == ["a", "b"]


async def test_what_does_not_match_costs_no_pace(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(event_replay, "PAGE", 2)
    await scene.receive(*map(str, range(9)), data={"amount": 1})
    await scene.receive("last")
    await scene.apply(TRIAGE)
    await scene.ask(rate=1)
    while await scene.system.event_replayer.step():
        pass
    assert scene.runs() == ["last"]


async def test_it_waits_while_the_starter_is_behind(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(event_replay, "MOST_PENDING", 2)
    await scene.receive("a", "b", "c")
    await scene.apply(TRIAGE)
    await scene.ask(rate=2)
    await scene.system.event_replayer.step()
    scene.system.clock.advance(HOUR)
    assert not await scene.system.event_replayer.step()
    assert scene.runs() == ["a", "b"]
    await scene.system.work()
    await scene.system.event_replayer.step()
    assert scene.runs() == ["a", "b", "c"]


async def test_killed_in_the_middle_of_a_page_it_goes_on_and_doubles_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
):
    await scene.receive("a", "b", "c")
    await scene.apply(TRIAGE)
    await scene.ask(rate=2)
    await scene.system.event_replayer.step()
    tables = scene.system.state.tables

    async def killed(*_: object) -> None:
        raise OSError

    scene.system.clock.advance(SECOND)
    with monkeypatch.context() as patched:
        patched.setattr(MemoryOpenRecords, "advance", killed)
        with pytest.raises(OSError, match=r"^$"):
            await scene.system.event_replayer.step()
    assert scene.system.state.tables is tables
    assert await scene.finish() == Tally(3, 0, 3, 3)
    assert scene.runs() == ["a", "b", "c"]


async def test_it_waits_for_the_router(scene: Scene):
    await scene.apply(TRIAGE)
    await scene.receive("a", route=False)
    await scene.ask()
    assert await scene.system.event_replayer.step()
    assert not await scene.system.event_replayer.step()
    assert scene.runs() == []
    scene.system.clock.advance(SECOND)
    await scene.system.router().step()
    assert await scene.finish() == Tally(looked_at=1, existing=1)
    assert scene.runs() == ["a"]


async def test_what_the_store_refuses_is_passed_over(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    await scene.receive("a", "poison", "b")
    await scene.apply(TRIAGE)
    await scene.ask()
    write = MemoryOpenFlow.write

    async def picky(flow: MemoryOpenFlow, decided: Decided, at: datetime) -> object:
        tables = scene.system.state.tables
        keys = [member.event_key for _, group in decided.fired for member in group.members]
        if any(tables.events[key].envelope.id == "poison" for key in keys):
            raise RejectedError("no")
        return await write(flow, decided, at)

    monkeypatch.setattr(MemoryOpenFlow, "write", picky)
    assert await scene.finish() == Tally(looked_at=3, existing=0, matched=2, fired=2)
    assert scene.runs() == ["a", "b"]


async def test_flow_control_holds_recorded_events_too(scene: Scene):
    await scene.receive("a", "b")
    await scene.apply(BATCH)
    wanted = replace(scene.range, definition_id="batch")
    await scene.ask(wanted=wanted)
    assert await scene.finish() == Tally(looked_at=2, existing=0, matched=2, fired=0)
    assert scene.outcomes() == [Outcome.HELD] * 2
    await scene.ask("second", wanted)
    assert (await scene.finish("second")).existing == 2
    await scene.receive("live")
    assert sorted(scene.outcomes()) == [Outcome.FIRED, Outcome.MERGED]
    [run] = scene.system.state.tables.runs.values()
    assert len(run.events) == 3


async def test_a_new_composite_finds_what_came_before_it(scene: Scene):
    await scene.receive("old", type="order.paid", subject="o-0")
    scene.system.clock.advance(2 * HOUR)
    await scene.receive("paid", type="order.paid", subject="o-1")
    await scene.apply(PAIR)
    assert (await scene.finish("lookback:pair")).matched == 1
    await scene.receive("sent", type="order.sent", subject="o-1")
    await scene.receive("sent-0", type="order.sent", subject="o-0")
    [run] = scene.system.state.tables.runs.values()
    assert len(run.events) == 2
    await scene.apply(PAIR.replace("1d", "2d"))
    assert len(await scene.system.event_replays.recent("pair", 9)) == 1


async def test_only_what_is_new_looks_back(scene: Scene):
    await scene.apply(PAIR.replace(", lookback: 1h", ""))
    await scene.apply(PAIR)
    assert await scene.system.event_replays.recent("pair", 9) == []


async def test_composites_are_not_slowed_down(scene: Scene):
    await scene.apply(PAIR)
    await scene.finish("lookback:pair")
    asked = await scene.ask(wanted=replace(scene.range, definition_id="pair"))
    assert asked.request.rate > 20


async def test_a_definition_that_may_not_run_puts_it_off(scene: Scene):
    await scene.receive("a")
    await scene.apply(TRIAGE)
    await scene.ask()
    system = scene.system
    registry = Registry(system.registry_store, system.doorbell, system.clock, config={})
    await registry.pause("triage", "ann")
    assert not await system.event_replayer.step()
    with pytest.raises(ConflictError, match="paused"):
        await scene.desk.plan(scene.range)
    with pytest.raises(ConflictError, match="paused"):
        await scene.ask("second")
    await registry.resume("triage", "ann")
    assert (await scene.finish()).fired == 1


async def test_a_loop_is_not_replayed(scene: Scene):
    await scene.receive("deep", causationdepth=17)
    await scene.apply(TRIAGE)
    await scene.ask()
    assert await scene.finish() == Tally(looked_at=1)


async def test_a_dry_run_counts_and_writes_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    await scene.receive("a", "b")
    await scene.receive("small", data={"amount": 1})
    await scene.apply(TRIAGE)
    await scene.receive("c")
    before = scene.system.state.tables
    plan = await scene.desk.plan(scene.range)
    assert (plan.tally, plan.reached) == (Tally(looked_at=4, existing=1, matched=2), None)
    after = scene.system.state.tables
    assert (after.runs, after.decisions) == (before.runs, before.decisions)
    monkeypatch.setattr(event_replay_desk, "PAGE", 1)
    monkeypatch.setattr(event_replay_desk, "MOST_PLANNED", 2)
    plan = await scene.desk.plan(scene.range)
    assert (plan.tally.looked_at, plan.reached) == (2, scene.since + SECOND)


async def test_an_id_names_one_range_and_one_runs_at_a_time(scene: Scene):
    await scene.apply(TRIAGE)
    asked = await scene.ask()
    scene.system.clock.advance(HOUR)
    assert await scene.ask() == asked
    with pytest.raises(ConflictError, match="another range"):
        await scene.ask(wanted=replace(scene.range, since=scene.since - HOUR))
    with pytest.raises(ConflictError, match="another replay of it is running"):
        await scene.ask("second")
    await scene.desk.stop("first")
    assert not await scene.system.event_replayer.step()
    assert (await scene.ask("second")).status is EventReplayStatus.RUNNING


async def test_what_cannot_be_asked(scene: Scene):
    await scene.apply(TRIAGE + f"\n---\nid: quiet\ntrigger: {{manual: }}\n{TASKS}")
    future = scene.system.clock.now() + HOUR
    for wanted, why in (
        (replace(scene.range, until=future), "until: must not be in the future"),
        (replace(scene.range, since=future), "since: must not be later"),
        (replace(scene.range, since=datetime.min.replace(tzinfo=future.tzinfo)), "since: .*1970"),
    ):
        with pytest.raises(BadInputError, match=why):
            await scene.ask(wanted=wanted)
    for rate in (0, -1, 1_001, float("nan")):
        with pytest.raises(BadInputError, match="rate: "):
            await scene.ask(rate=rate)
    with pytest.raises(BadInputError, match="request id"):
        await scene.ask("lookback:triage")
    with pytest.raises(NotFoundError):
        await scene.ask(wanted=replace(scene.range, definition_id="none"))
    with pytest.raises(ConflictError, match="listens to no events"):
        await scene.ask(wanted=replace(scene.range, definition_id="quiet"))
