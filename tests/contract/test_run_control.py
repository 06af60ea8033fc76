"""What every store of runs lets an operator do to one."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tests.contract.slots import MINUTE, cursor, fire, plan
from tests.contract.stores import (
    AT,
    ID,
    SECOND,
    BoomError,
    Stores,
    announcement,
    definition,
    event,
    record,
    spec,
)

from activity_core.core import ids
from activity_core.core.errors import NotFoundError
from activity_core.core.human.log import Action, LogEntry
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.ending import said_by
from activity_core.core.run.run import Execution, RunFailure, RunStatus
from activity_core.core.run.task import NOT_WANTED, TaskResult, TaskStatus
from activity_core.ports.run_control import MOST_LINES, Rerun, RunAction, RunLine
from activity_core.ports.run_queue import ManualRequest, SignalKind

BY_ANN = said_by("ann", "sent twice", verb="cancelled")
SKIPPED = TaskResult(TaskStatus.SKIPPED, NOT_WANTED, comment="skipped by ann", by="ann")
FAILED = TaskResult(TaskStatus.FAILED, "failed", error="broken", error_type="http_500")
CONTEXT = b'{"run":{},"context":{"rate":4,"customers":[{"id":1}]}}'


async def cancel(stores: Stores, run_id: str, kind: SignalKind = SignalKind.CANCEL) -> None:
    async with stores.run_control.hold(run_id) as held:
        work = await held.work()
        told = [announcement(f"end of {each.task_id}", run_id) for each in work.tasks]
        await held.end(BY_ANN, kind, [*told, announcement(f"end of {run_id}", run_id)], AT)


async def signals(stores: Stores) -> list[tuple[str, SignalKind]]:
    return [(each.workflow_id, each.kind) for each in await stores.run_queue.take_signals(9)]


async def closed(
    stores: Stores, *, snapshot: bytes = CONTEXT, status: RunStatus = RunStatus.COMPLETED
) -> Execution:
    """A run that decided and is over."""
    execution = await stores.execution(event(data={"amount": 7}))
    failure = RunFailure("task_failed", "broken") if status is RunStatus.FAILED else None
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        [run] = opened.runs
        await opened.record([record(run, status, snapshot=snapshot, failure=failure)], AT)
    return execution


async def again(
    stores: Stores, run_id: str, *, key: str = "a.1", sources: Sequence[str] = ()
) -> tuple[str, bool]:
    async with stores.run_control.hold(run_id) as held:
        made = await held.rerun(Rerun(key, 1, "run again", sources), AT + SECOND)
        return made.run_id, made.created


async def test_an_unknown_run_cannot_be_held(stores: Stores):
    with pytest.raises(NotFoundError):
        async with stores.run_control.hold("run-unknown"):
            pass


async def test_a_held_run_says_how_it_stands(stores: Stores):
    [run_id] = await stores.fire(event())
    async with stores.run_control.hold(run_id) as held:
        run = held.run
        assert (run.run_id, run.definition_id, run.version, run.attempt) == (run_id, ID, 1, 1)
        assert (run.status, run.recorded, run.stop) == (RunStatus.PENDING, False, "")
        assert run.sources is None


async def test_a_recorded_run_names_the_sources_that_answered(stores: Stores):
    execution = await closed(stores)
    async with stores.run_control.hold(execution.runs[0]) as held:
        assert sorted(held.run.sources or ()) == ["customers", "rate"]
        assert held.run.recorded


async def test_a_cancelled_run_ends_with_its_tasks_and_its_workflow_is_told(stores: Stores):
    execution = await stores.recorded()
    [run_id] = execution.runs
    await cancel(stores, run_id)
    run = await stores.reading.run(run_id)
    why = {"code": "cancelled", "message": "cancelled by ann: sent twice"}
    assert (run["status"], run["failure"]) == ("cancelled", why)
    task_id = spec(run_id).task_id
    task = await stores.task_ledger.get(task_id)
    assert (task.status, task.result) == (TaskStatus.CANCELLED, BY_ANN.task)
    assert await stores.outgoing() == [f"end of {task_id}", f"end of {run_id}"]
    assert await signals(stores) == [(execution.workflow_id, SignalKind.CANCEL)]
    line = LogEntry(Action.CANCELLED, AT, "ann", comment=BY_ANN.task.comment)
    assert (list(await stores.task_desk.log(task_id)), task.revision) == ([line], 1)


async def test_a_pending_run_that_is_cancelled_never_starts(stores: Stores):
    [run_id] = await stores.fire(event())
    await cancel(stores, run_id)
    assert await stores.compose() == []
    assert await signals(stores) == []


async def test_of_a_shared_execution_only_the_cancelled_run_ends(stores: Stores):
    first, second = await stores.fire(event("a"), event("b"))
    [execution] = await stores.compose(together=True)
    await cancel(stores, first, SignalKind.TERMINATE)
    assert await signals(stores) == []
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        assert [run.run_id for run in opened.runs] == [second]


async def test_a_run_that_is_to_compensate_is_asked_and_its_workflow_looks(stores: Stores):
    execution = await stores.recorded()
    [run_id] = execution.runs
    async with stores.run_control.hold(run_id) as held:
        await held.compensate()
    assert await signals(stores) == [(execution.workflow_id, SignalKind.TASKS_CHANGED)]
    run = await stores.reading.run(run_id)
    assert (run["status"], run["stop"]) == ("running", "compensate")
    async with stores.run_control.hold(run_id) as held:
        assert held.run.stop == "compensate"


async def test_what_goes_wrong_while_a_run_is_held_changes_nothing(stores: Stores):
    execution = await stores.recorded()
    [run_id] = execution.runs

    async def boom() -> None:
        async with stores.run_control.hold(run_id) as held:
            await held.compensate()
            await held.note(RunLine(RunAction.COMPENSATING, "ann"), AT)
            raise BoomError

    with pytest.raises(BoomError):
        await boom()
    run = await stores.reading.run(run_id)
    assert (run["stop"], run["log"]) == ("", [])
    assert await signals(stores) == []


@pytest.mark.parametrize("kind", [TaskKind.HUMAN, TaskKind.HTTP])
async def test_a_skipped_task_is_over_and_its_run_looks_again(stores: Stores, kind: TaskKind):
    run_id = stores.run_id(event())
    wanted = spec(run_id, kind=kind)
    execution = await stores.recorded(wanted)
    async with stores.run_control.hold(run_id) as held:
        assert (await held.task(wanted.task_id)).status is TaskStatus.READY
        await held.skip(wanted.task_id, SKIPPED, [announcement("skip", run_id)], AT)
    task = await stores.task_ledger.get(wanted.task_id)
    assert (task.status, task.result) == (TaskStatus.SKIPPED, SKIPPED)
    line = LogEntry(Action.SKIPPED, AT, SKIPPED.by, comment=SKIPPED.comment)
    said = ([line], 1) if kind is TaskKind.HUMAN else ([], 0)
    assert (list(await stores.task_desk.log(wanted.task_id)), task.revision) == said
    assert await stores.outgoing() == ["skip"]
    assert await signals(stores) == [(execution.workflow_id, SignalKind.TASKS_CHANGED)]
    done = TaskResult(TaskStatus.COMPLETED, "done")
    assert (await stores.task_ledger.finish(wanted.task_id, done, AT, [])).result == SKIPPED


async def test_a_task_of_another_run_is_not_found(stores: Stores):
    execution = await stores.recorded()
    async with stores.run_control.hold(execution.runs[0]) as held:
        with pytest.raises(NotFoundError):
            await held.task(spec("run-other").task_id)


async def test_what_somebody_skipped_stays_skipped_when_its_run_is_retried(stores: Stores):
    run_id = stores.run_id(event())
    specs = {name: spec(run_id, name, kind=TaskKind.HTTP) for name in ("skipped", "failed", "left")}
    await stores.recorded(*specs.values())
    left = TaskResult(TaskStatus.SKIPPED, "skipped", comment="a task it needs did not succeed")
    for name, result in (("skipped", FAILED), ("failed", FAILED), ("left", left)):
        await stores.task_ledger.finish(specs[name].task_id, result, AT, [])
    failure = RunFailure("task_failed", "broken")
    assert await stores.run_ledger.close(run_id, RunStatus.FAILED, failure, AT, [])
    async with stores.run_control.hold(run_id) as held:
        await held.skip(specs["skipped"].task_id, SKIPPED, [], AT)
    assert await signals(stores) == []  # nothing of it runs
    await stores.retry(run_id)
    tasks = {name: await stores.task_ledger.get(each.task_id) for name, each in specs.items()}
    assert {name: task.status for name, task in tasks.items()} == {
        "skipped": TaskStatus.SKIPPED,
        "failed": TaskStatus.PENDING,
        "left": TaskStatus.PENDING,
    }
    assert {task.run_attempt for task in tasks.values()} == {2}


async def test_a_run_again_is_for_the_same_and_says_of_which(stores: Stores):
    execution = await closed(stores)
    [run_id] = execution.runs
    first, created = await again(stores, run_id)
    assert created
    assert first == ids.run_id(stores.tenant, ID, "a.1")
    told: Mapping[str, Any] = await stores.reading.run(first)
    before = await stores.reading.run(run_id)
    same = ("definition_id", "version_used", "trigger", "events", "input", "scheduled_for")
    assert {name: told[name] for name in same} == {name: before[name] for name in same}
    assert (told["rerun_of"], told["status"], told["attempt"]) == (run_id, "pending", 1)
    assert (before["rerun_of"], before["status"]) == (None, "completed")
    [decision] = told["decisions"]
    assert (decision["outcome"], decision["reason"]) == ("fired", "run again")
    [second] = await stores.compose()
    assert second.runs == (first,)
    async with stores.run_ledger.open(second.execution_id, AT) as opened:
        [run] = opened.runs
        assert run.occurrence.key == "a.1"
        assert run.occurrence.event is not None
        assert run.occurrence.event.data == {"amount": 7}
        assert dict(run.gathered) == {}


async def test_a_run_again_is_there_once_per_request(stores: Stores):
    [run_id] = (await closed(stores)).runs
    made = await asyncio.gather(*(again(stores, run_id) for _ in range(3)))
    assert sorted(created for _, created in made) == [False, False, True]
    other, created = await again(stores, run_id, key="a.2")
    assert created
    assert other not in {name for name, _ in made}
    assert len(await stores.compose()) == 2


async def test_the_context_of_then_is_what_the_sources_said(stores: Stores):
    [run_id] = (await closed(stores)).runs
    await again(stores, run_id, sources=["customers", "unknown"])
    [execution] = await stores.compose()
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        assert dict(opened.runs[0].gathered) == {"customers": [{"id": 1}]}


async def test_a_manual_run_again_has_its_input(stores: Stores):
    await stores.publish(definition())
    request = ManualRequest(ID, 1, "m.request-1", {"dry": True}, "ann")
    run_id = (await stores.run_queue.submit(request, AT)).run_id
    assert await stores.run_ledger.close(run_id, RunStatus.COMPLETED, None, AT, [])
    new, _ = await again(stores, run_id)
    told = await stores.reading.run(new)
    assert (told["trigger"], told["input"]) == ("manual", {"dry": True})


async def test_the_log_is_told_with_the_run_oldest_first(stores: Stores):
    [run_id] = await stores.fire(event())
    lines = [
        RunLine(RunAction.TASK_SKIPPED, "ann", "not needed\0", about="task-1"),
        RunLine(RunAction.CANCELLED, "bob"),
    ]
    for line in lines:
        async with stores.run_control.hold(run_id) as held:
            await held.note(line, AT)
    told: Mapping[str, Any] = await stores.reading.run(run_id)
    at = ids.occurrence_of_slot(AT)
    assert [dict(line, reason="") for line in told["log"]] == [
        {"action": "task_skipped", "at": at, "by": "ann", "reason": "", "about": "task-1"},
        {"action": "cancelled", "at": at, "by": "bob", "reason": "", "about": ""},
    ]


async def test_who_completes_a_task_waits_for_who_holds_its_run(stores: Stores):
    execution = await stores.recorded()
    [run_id] = execution.runs
    task_id = spec(run_id).task_id
    done = TaskResult(TaskStatus.COMPLETED, "done")
    async with stores.run_control.hold(run_id) as held:
        completing = asyncio.create_task(stores.task_ledger.finish(task_id, done, AT, []))
        finished, _ = await asyncio.wait([completing], timeout=0.2)
        assert not finished
        await held.work()
        await held.end(BY_ANN, SignalKind.CANCEL, [], AT)
    assert (await completing).result == BY_ANN.task


async def test_a_rerun_of_a_slot_is_no_open_run_of_slots(stores: Stores):
    await plan(stores)
    [run_id] = await fire(stores, AT - MINUTE)
    assert await stores.run_ledger.close(run_id, RunStatus.COMPLETED, None, AT, [])
    await again(stores, run_id)
    await stores.slots.plan([cursor()])
    async with stores.slots.open_due([ID], AT) as opened:
        assert [list(each.open_runs) for each in opened.due] == [[]]


async def test_a_run_shows_the_newest_lines_of_its_log(stores: Stores):
    [run_id] = await stores.fire(event())
    async with stores.run_control.hold(run_id) as held:
        for number in range(MOST_LINES + 2):
            await held.note(RunLine(RunAction.RETRIED, "ann", str(number)), AT)
    told: Mapping[str, Any] = await stores.reading.run(run_id)
    assert [line["reason"] for line in told["log"]] == [
        str(number) for number in range(2, MOST_LINES + 2)
    ]
