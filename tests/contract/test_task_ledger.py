"""What every ledger of tasks keeps."""

import asyncio

import pytest
from tests.contract.stores import AT, ID, SECOND, Stores, announcement, event, record, spec

from activity_core.core.errors import NotFoundError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.run import RunStatus
from activity_core.core.run.task import FINAL, NewTask, TaskClock, TaskResult, TaskStatus
from activity_core.ports.task_ledger import RunStates, TaskState

DONE = TaskResult(TaskStatus.COMPLETED, "done", outputs={"call": "again\0"}, comment="ü", by="ann")
OTHER = TaskResult(TaskStatus.FAILED, "failed", error="broken")


async def one(stores: Stores, kind: TaskKind = TaskKind.HUMAN, status=TaskStatus.READY) -> str:
    each = spec(
        stores.run_id(event()), kind=kind, groups=("a", "b"), assignee="ann", inputs={"n": ["\0"]}
    )
    await stores.recorded(each, status=status)
    return each.task_id


async def test_a_task_comes_back_as_it_was_recorded(stores: Stores):
    task = await stores.task_ledger.get(await one(stores))
    run_id = stores.run_id(event())
    assert (task.run_id, task.definition_id, task.version) == (run_id, ID, 1)
    assert (task.rule, task.spec_id, task.item, task.kind) == ("all", "look", 0, TaskKind.HUMAN)
    assert (task.title, task.status, task.inputs) == ("Look", TaskStatus.READY, {"n": ["\0"]})
    assert (task.assignee, list(task.groups), list(task.needs)) == ("ann", ["a", "b"], [])
    assert (task.wait, task.clock.due_at, task.result) == (True, None, None)
    assert (task.traceparent, task.causation_depth) == (None, 0)


async def test_a_task_knows_the_trace_and_depth_of_its_event(stores: Stores):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    caused = EventEnvelope(
        "1", "/shop", "order.created", extensions={"traceparent": trace, "causationdepth": 3}
    )
    execution = await stores.execution(caused)
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        [run] = opened.runs
        new = NewTask(spec(run.run_id), TaskStatus.READY)
        await opened.record([record(run, tasks=[new])], AT)
    task = await stores.task_ledger.get(new.spec.task_id)
    assert (task.traceparent, task.causation_depth) == (trace, 3)


async def test_unknown_tasks_are_not_found(stores: Stores):
    with pytest.raises(NotFoundError):
        await stores.task_ledger.get("task-unknown")
    with pytest.raises(NotFoundError):
        await stores.task_ledger.begin("task-unknown", 1, AT)
    with pytest.raises(NotFoundError):
        await stores.task_ledger.finish("task-unknown", DONE, AT, [])


@pytest.mark.parametrize("status", [TaskStatus.PENDING, TaskStatus.READY])
async def test_beginning_makes_it_running(stores: Stores, status: TaskStatus):
    task_id = await one(stores, TaskKind.HTTP, status)
    assert (await stores.task_ledger.begin(task_id, 1, AT)).status is TaskStatus.RUNNING
    assert (await stores.task_ledger.begin(task_id, 2, AT + SECOND)).status is TaskStatus.RUNNING
    told = await stores.reading.task(task_id)
    assert (told["status"], told["attempts"]) == ("running", 2)
    assert told["started_at"] == "2026-01-01T12:00:00Z"


async def test_a_final_task_does_not_begin(stores: Stores):
    task_id = await one(stores, TaskKind.HTTP)
    await stores.task_ledger.finish(task_id, DONE, AT, [])
    task = await stores.task_ledger.begin(task_id, 2, AT)
    assert (task.status, task.result) == (TaskStatus.COMPLETED, DONE)
    assert (await stores.reading.task(task_id))["attempts"] == 0


async def test_finishing_keeps_the_result_and_announces(stores: Stores):
    task_id = await one(stores)
    news = [announcement("e1", stores.run_id(event()))]
    task = await stores.task_ledger.finish(task_id, DONE, AT + SECOND, news)
    assert (task.status, task.result) == (TaskStatus.COMPLETED, DONE)
    assert await stores.task_ledger.get(task_id) == task
    assert await stores.outgoing() == ["e1"]
    told = await stores.reading.task(task_id)
    assert (told["outcome"], told["outputs"]) == ("done", {"call": "again\0"})
    assert (told["comment"], told["completed_by"]) == ("ü", "ann")
    assert told["finished_at"] == "2026-01-01T12:00:01Z"


async def test_finishing_again_answers_what_is_stored_and_writes_nothing(stores: Stores):
    task_id = await one(stores)
    first = await stores.task_ledger.finish(task_id, DONE, AT, [announcement("e1")])
    for result in (DONE, OTHER):
        again = await stores.task_ledger.finish(task_id, result, AT + SECOND, [announcement("e2")])
        assert again == first
    assert await stores.outgoing() == ["e1"]
    assert await stores.run_queue.take_signals(9) == []


@pytest.mark.parametrize("status", sorted(FINAL - {TaskStatus.COMPENSATED}))
async def test_every_final_status_ends_a_task(stores: Stores, status: TaskStatus):
    task_id = await one(stores)
    result = TaskResult(status, status)
    assert (await stores.task_ledger.finish(task_id, result, AT, [])).result == result
    again = await stores.task_ledger.finish(task_id, DONE, AT, [])
    assert again.status is status


async def test_rivals_finish_once(stores: Stores):
    task_id = await one(stores)
    answers = await asyncio.gather(
        stores.task_ledger.finish(task_id, DONE, AT, [announcement("e1")], ring=True),
        stores.task_ledger.finish(task_id, OTHER, AT, [announcement("e2")], ring=True),
    )
    assert answers[0] == answers[1]
    assert await stores.outbox.depth() == 1
    assert len(await stores.run_queue.take_signals(9)) == 1


async def test_nobody_signals_a_run_that_is_over(stores: Stores):
    task_id = await one(stores)
    run_id = stores.run_id(event())
    await stores.run_ledger.close(run_id, RunStatus.COMPLETED, None, AT, [])
    await stores.task_ledger.finish(task_id, DONE, AT, [], ring=True)
    assert await stores.run_queue.take_signals(9) == []


async def test_a_run_is_woken_by_whoever_says_so(stores: Stores):
    task_id = await one(stores, TaskKind.HTTP)
    await stores.task_ledger.finish(task_id, DONE, AT, [], ring=True)
    [signal] = await stores.run_queue.take_signals(9)
    assert signal.workflow_id.startswith(f"activity-{ID}-")


async def test_nobody_signals_for_a_worker(stores: Stores):
    task_id = await one(stores, TaskKind.HTTP)
    await stores.task_ledger.finish(task_id, DONE, AT, [])
    assert await stores.run_queue.take_signals(9) == []


async def test_pending_human_tasks_become_ready(stores: Stores):
    run_id = stores.run_id(event())
    human, http, done = (
        spec(run_id, "human"),
        spec(run_id, "http", kind=TaskKind.HTTP),
        spec(run_id, "done"),
    )
    await stores.recorded(human, http, done, status=TaskStatus.PENDING)
    await stores.task_ledger.finish(done.task_id, DONE, AT, [])
    task_ids = [each.task_id for each in (human, http, done)]
    clock = TaskClock(AT + SECOND, AT + 2 * SECOND, AT + 3 * SECOND)
    for at in (AT + SECOND, AT + 2 * SECOND):
        await stores.task_ledger.make_ready(dict.fromkeys(task_ids, clock), at)
    found = await stores.task_ledger.some(task_ids)
    shown = next(task for task in found if task.task_id == human.task_id)
    assert (shown.clock, shown.ready_at) == (clock, AT + SECOND)
    assert {task.task_id: task.status for task in found} == {
        human.task_id: TaskStatus.READY,
        http.task_id: TaskStatus.PENDING,
        done.task_id: TaskStatus.COMPLETED,
    }


async def test_states_are_those_that_were_asked_for_in_order_of_task_id(stores: Stores):
    run_id = stores.run_id(event())
    specs = [spec(run_id, name) for name in ("a", "b", "c")]
    await stores.recorded(*specs)
    asked = [each.task_id for each in specs[:2]]
    await stores.task_ledger.finish(asked[0], DONE, AT, [])
    over = TaskState(asked[0], TaskStatus.COMPLETED, "done")
    open_ = TaskState(asked[1], TaskStatus.READY)
    found = await stores.task_ledger.states(run_id, [*asked, "task-unknown"])
    assert list(found.tasks) == sorted([over, open_], key=lambda state: state.task_id)
    assert found.stop == ""
    assert await stores.task_ledger.states("run-unknown", asked) == RunStates([])
