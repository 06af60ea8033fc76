"""The case keeper: turns in order over one state, whatever fails, and ends that lose nothing."""

from datetime import datetime
from typing import Any

import pytest
from tests.case_stage import FOLLOW, CaseStage

from activity_core.adapters.memory.engine import MemoryEngine
from activity_core.adapters.memory.open_case import MemoryOpenCase
from activity_core.core.errors import RejectedError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.explanation.outlook import outlook
from activity_core.core.rules.occurrence import Occurrence, TriggerKind
from activity_core.core.run.errors import StartRefusedError
from activity_core.core.run.run import RunFailure, RunStatus
from activity_core.ports.cases import CaseWork
from activity_core.ports.engine import Purpose, WorkflowState
from activity_core.services.case_auditor import CaseAuditor
from activity_core.services.case_desk import CaseDesk
from activity_core.services.case_starter import CaseStarter
from activity_core.services.listeners import Listeners

REMOTE = (
    FOLLOW
    + """
context: {there: {http: {url: "http://127.0.0.1/"}}}
"""
)


@pytest.fixture
async def stage() -> CaseStage:
    stage = CaseStage()
    await stage.apply(FOLLOW)
    return stage


async def test_each_event_is_a_run_that_sees_the_state_after_it(stage: CaseStage):
    runs = [await stage.send(name) for name in ("1", "2", "3")]
    [case_id] = await stage.rung()
    progress = await stage.take(case_id)
    assert (progress.taken, progress.more, progress.closed) == (3, False, False)
    assert progress.state == '{"late":0,"seen":["1","2","3"]}'
    assert stage.titles() == [f"order.new of {n}" for n in (1, 2, 3)]
    assert [stage.run(run).status for run in runs] == [RunStatus.COMPLETED] * 3
    assert {stage.run(run).case_id for run in runs} == {case_id}
    assert stage.said(runs[0]) == ["run.started", "task.created", "run.completed"]


async def test_the_snapshot_has_state_and_timer(stage: CaseStage):
    run = await stage.send("1")
    [case_id] = await stage.rung()
    await stage.take(case_id)
    snapshot = stage.run(run).snapshot
    assert snapshot is not None
    assert b'"state":{"late":0,"seen":["1"]}' in snapshot
    assert b'"timer":""' in snapshot


async def test_no_more_than_the_limit_at_once(stage: CaseStage):
    for n in range(5):
        await stage.send(str(n))
    [case_id] = await stage.rung()
    assert [(p.taken, p.more) for p in [await stage.take(case_id, 2) for _ in range(3)]] == [
        (2, True),
        (2, True),
        (1, False),
    ]
    assert (await stage.state_of(case_id))["seen"] == ["0", "1", "2", "3", "4"]


async def test_what_fails_leaves_the_state_and_the_next_goes_on(stage: CaseStage):
    await stage.apply(FOLLOW.replace("size(state.seen)", "size(event.data.text)"))
    await stage.send("1", text="x")
    bad = await stage.send("2")
    await stage.send("3", text="x")
    [case_id] = await stage.rung()
    await stage.take(case_id)
    assert stage.run(bad).status is RunStatus.FAILED
    assert (await stage.state_of(case_id))["seen"] == ["1", "3"]


async def test_what_the_store_refuses_fails_alone(
    stage: CaseStage, monkeypatch: pytest.MonkeyPatch
):
    runs = [await stage.send(name) for name in ("1", "2", "3")]
    [case_id] = await stage.rung()
    write = MemoryOpenCase.write

    async def refusing(self: MemoryOpenCase, work: CaseWork, at: datetime) -> None:
        if any(each.run_id == runs[1] and each.tasks for each in work.records):
            raise RejectedError("no")
        await write(self, work, at)

    monkeypatch.setattr(MemoryOpenCase, "write", refusing)
    while (await stage.take(case_id)).more:
        pass
    failure = stage.run(runs[1]).failure
    assert failure is not None
    assert failure.code == "store_rejected"
    assert (await stage.state_of(case_id))["seen"] == ["1", "3"]


async def test_a_timer_makes_a_run_of_its_own(stage: CaseStage):
    case_id = await stage.opened()
    progress = await stage.take(case_id)
    assert progress.wake_in == 3_600
    assert progress.waiting_for.startswith("reminder ")
    stage.pass_time(hours=1)
    progress = await stage.take(case_id)
    assert (progress.taken, progress.wake_in, progress.waiting_for) == (1, None, "")
    assert stage.titles()[-1] == "reminder of 1"
    runs: Any = (await stage.show(case_id))["runs"]
    assert (runs[0]["trigger"], runs[0]["timer"]) == ("timer", "reminder")
    assert (await stage.take(case_id)).taken == 0


async def test_a_timer_goes_before_events_that_came_after_it(stage: CaseStage):
    case_id = await stage.opened()
    await stage.take(case_id)
    stage.pass_time(minutes=30)
    await stage.send("2")
    stage.pass_time(minutes=90)
    await stage.send("3")
    await stage.take(case_id)
    assert stage.titles() == ["order.new of 1", "order.new of 2", "reminder of 2", "order.new of 3"]


async def test_the_end_closes_the_case_unless_something_is_queued(stage: CaseStage):
    await stage.send("1", "order.done")
    await stage.send("2")
    [case_id] = await stage.rung()
    assert not (await stage.take(case_id)).closed
    await stage.send("3", "order.done")
    progress = await stage.take(case_id)
    assert (progress.closed, progress.wake_in) == (True, None)
    assert (await stage.take(case_id)).closed
    await stage.send("4")
    [after] = await stage.rung()
    assert (await stage.show(after))["number"] == 2
    await stage.take(after)
    assert (await stage.state_of(after))["seen"] == ["4"]


async def test_a_failed_run_behind_the_end_does_not_keep_the_case_open(stage: CaseStage):
    await stage.apply(FOLLOW.replace("size(state.seen)", "size(event.data.text)"))
    await stage.send("1", "order.done", text="x")
    await stage.send("2")
    [case_id] = await stage.rung()
    assert (await stage.take(case_id)).closed


async def test_an_event_without_its_key_is_a_failed_decision(stage: CaseStage):
    await stage.apply(FOLLOW.replace("event.data.order", "event.data.number"))
    await stage.send("1")
    assert await stage.rung() == []
    [row] = stage.state.tables.decisions.values()
    assert (row.outcome, row.reason[:12]) == ("failed", "correlation:")


async def test_remote_sources_are_asked_before_the_turn(stage: CaseStage):
    await stage.apply(REMOTE)
    run = await stage.send("1")
    await stage.send("2")
    [case_id] = await stage.rung()
    progress = await stage.take(case_id)
    assert (progress.taken, progress.run_id, progress.more) == (0, run, False)
    assert [source.name for source in progress.sources] == ["there"]
    stage.source.answers["there"] = 5
    await stage.keeper.gather(run, "there")
    progress = await stage.take(case_id)
    assert (progress.taken, len(progress.sources)) == (1, 1)
    assert (await stage.state_of(case_id))["seen"] == ["1"]


async def test_a_source_that_does_not_answer_fails_its_run_alone(stage: CaseStage):
    await stage.apply(REMOTE)
    run = await stage.send("1")
    await stage.send("2")
    [case_id] = await stage.rung()
    await stage.take(case_id)
    failure = RunFailure("context_unavailable", "away")
    progress = await stage.keeper.refuse(case_id, run, failure)
    assert (progress.taken, progress.run_id != run) == (1, True)
    assert stage.run(run).failure == failure


async def test_a_timer_waits_for_its_sources_before_later_events(stage: CaseStage):
    await stage.apply(REMOTE)
    run = await stage.send("1")
    [case_id] = await stage.rung()
    await stage.take(case_id)
    stage.source.answers["there"] = 5
    await stage.keeper.gather(run, "there")
    await stage.take(case_id)
    stage.pass_time(hours=2)
    await stage.send("2")
    first = (await stage.take(case_id)).run_id
    assert first == (await stage.take(case_id)).run_id
    await stage.keeper.gather(first, "there")
    await stage.take(case_id)
    assert stage.titles()[-1] == "reminder of 1"


async def test_open_cases_stay_on_their_version_unless_the_new_one_takes_them(stage: CaseStage):
    case_id = await stage.opened()
    await stage.take(case_id)
    await stage.apply(FOLLOW.replace("of ${", "as ${"))
    run = await stage.send("2")
    await stage.take(case_id)
    assert (stage.titles()[-1], stage.run(run).version) == ("order.new of 2", 1)
    await stage.apply(FOLLOW.replace("of ${", "by ${") + "migrate: newest\n")
    run = await stage.send("3")
    await stage.take(case_id)
    assert (stage.titles()[-1], stage.run(run).version) == ("order.new by 3", 3)


async def test_starters_start_and_ring_and_auditors_start_again(stage: CaseStage):
    engine = MemoryEngine()
    starter = CaseStarter(stage.cases, stage.store, engine, stage.clock)
    auditor = CaseAuditor(stage.cases, engine, stage.clock, stage.doorbell)
    await stage.apply(FOLLOW + "owner: shop\n")
    await stage.send("1")
    assert await starter.step()
    assert not await starter.step()
    [(workflow, case_id)] = engine.cases.items()
    assert engine.purposes[workflow] == Purpose("follow", 2, case_id, "shop")
    engine.states[workflow] = WorkflowState.TERMINATED
    await auditor.step()
    assert not await starter.step()
    stage.pass_time(minutes=3)
    await auditor.step()
    assert await starter.step()
    assert engine.states[workflow] is WorkflowState.RUNNING
    stage.pass_time(minutes=3)
    await auditor.step()
    assert not await starter.step()
    await stage.take(case_id)
    closed = await CaseDesk(stage.cases, stage.clock, stage.doorbell).close(case_id, "ann")
    assert (closed["status"], closed["closed_by"]) == ("closed", "ann")
    assert await starter.step()


async def test_a_ring_that_is_not_delivered_stays(stage: CaseStage):
    engine = MemoryEngine()
    starter = CaseStarter(stage.cases, stage.store, engine, stage.clock)
    await stage.send("1", order="a")
    engine.failures.before(ConnectionError("away"))
    with pytest.raises(ConnectionError):
        await starter.step()
    assert await starter.step()
    assert len(engine.cases) == 1


async def test_a_case_that_is_refused_keeps_no_other_waiting(stage: CaseStage):
    engine = MemoryEngine()
    starter = CaseStarter(stage.cases, stage.store, engine, stage.clock)
    await stage.send("1", order="a")
    await stage.send("2", order="b")
    engine.failures.before(StartRefusedError("never"))
    assert await starter.step()
    assert len(engine.cases) == 1
    assert not await starter.step()
    # Its runs still wait: the auditor rings for it, once in a while.
    auditor = CaseAuditor(stage.cases, engine, stage.clock, stage.doorbell)
    await auditor.step()
    assert not await starter.step()
    stage.pass_time(minutes=3)
    await auditor.step()
    assert await starter.step()
    assert len(engine.cases) == 2


async def test_a_simulation_shows_what_a_new_case_would_decide(stage: CaseStage):
    definition = (await stage.store.snapshot()).entries["follow"].definition
    event = EventEnvelope(id="1", source="/shop", type="order.new", data={"order": "o"})
    occurrence = Occurrence("e.1", TriggerKind.EVENT, event=event, events=[event])
    found = outlook(definition, 1, occurrence, "run-1", {})
    assert [task.title for task in found.tasks] == ["order.new of 1"]


async def test_events_of_cases_are_routed_in_the_order_in_which_they_came(stage: CaseStage):
    listeners = Listeners(stage.store)
    await listeners.refresh()
    assert listeners.keeps_order
