"""What every slot ledger does with open runs whose place a later slot takes."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.contract.slots import MINUTE, cursor, fire, fires, plan, run_of, settled, starts
from tests.contract.stores import AT, ID, SECOND, Stores, announcement, record, spec

from activity_core.core import ids
from activity_core.core.run.ending import DISPLACED, OpenWork
from activity_core.core.run.run import Execution, RunFailure, RunStatus
from activity_core.core.run.task import NewTask, TaskInstance, TaskResult, TaskStatus
from activity_core.core.schedule.settlement import Displacement
from activity_core.ports.run_queue import Signal, SignalKind
from activity_core.ports.slot_ledger import OpenCursors

DONE = TaskResult(TaskStatus.COMPLETED, "done")


async def recorded(stores: Stores, *names: str) -> tuple[Execution, list[str]]:
    """A run of the slot before, which waits for people; its tasks in order of ids."""
    await plan(stores)
    [run_id] = await fire(stores, AT - MINUTE)
    [execution] = await stores.compose()
    tasks = [NewTask(spec(run_id, name), TaskStatus.READY) for name in names]
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        await opened.record([record(opened.runs[0], RunStatus.RUNNING, tasks=tasks)], AT)
    return execution, sorted(task.spec.task_id for task in tasks)


async def finish(stores: Stores, task_id: str) -> TaskInstance:
    """Somebody did it."""
    ended = announcement(f"done {task_id}", run_of(stores, AT - MINUTE))
    return await stores.task_ledger.finish(task_id, DONE, AT, [ended])


async def ask(stores: Stores, run_ids: Sequence[str]) -> Sequence[OpenWork]:
    await stores.slots.plan([cursor()])
    async with stores.slots.open_due([ID], AT) as opened:
        return await opened.open_work(run_ids)


async def displace(
    stores: Stores, run_ids: Sequence[str], kind: Displacement = Displacement.CANCEL
) -> None:
    await stores.slots.plan([cursor()])
    async with stores.slots.open_due([ID], AT) as opened:
        await take_place(opened, await opened.open_work(run_ids), kind)


async def take_place(
    opened: OpenCursors, found: Sequence[OpenWork], kind: Displacement = Displacement.CANCEL
) -> None:
    told = {
        work.run_id: [
            announcement(f"end of {subject}", work.run_id)
            for subject in (*(task.task_id for task in work.tasks), work.run_id)
        ]
        for work in found
    }
    await opened.write([replace(settled(fires(AT)), displaces=kind, displaced=told)], AT)


async def test_open_work_is_what_is_open_of_open_runs_in_order_of_ids(stores: Stores):
    execution, (first, second, third) = await recorded(stores, "a", "b", "c")
    [run_id] = execution.runs
    await finish(stores, second)
    pending, ended = await fire(stores, AT - 2 * SECOND, AT - SECOND)
    assert await stores.run_ledger.close(ended, RunStatus.COMPLETED, None, AT, [])
    found = await ask(stores, [pending, ended, run_id])
    assert [work.run_id for work in found] == sorted([pending, run_id])
    tasks = [await stores.task_ledger.get(task_id) for task_id in (first, third)]
    expected = {run_id: OpenWork(run_id, ID, 1, tasks), pending: OpenWork(pending, ID, 1, [])}
    assert {work.run_id: work for work in found} == expected


async def test_open_work_knows_the_attempt(stores: Stores):
    execution, [task_id] = await recorded(stores, "a")
    [run_id] = execution.runs
    why = RunFailure("task_failed", "broken")
    failed = TaskResult(TaskStatus.FAILED, "failed", error="broken")
    await stores.task_ledger.finish(task_id, failed, AT, [])
    assert await stores.run_ledger.close(run_id, RunStatus.FAILED, why, AT, [])
    assert await ask(stores, [run_id]) == []
    await stores.retry(run_id, AT)
    [work] = await ask(stores, [run_id])
    assert (work.attempt, [task.task_id for task in work.tasks]) == (2, [task_id])


async def test_asking_alone_changes_nothing(stores: Stores):
    execution, [task_id] = await recorded(stores, "a")
    await ask(stores, execution.runs)
    assert (await stores.reading.run(execution.runs[0]))["status"] == "running"
    assert (await finish(stores, task_id)).status is TaskStatus.COMPLETED


@pytest.mark.parametrize("kind", list(Displacement))
async def test_a_displaced_run_is_cancelled_with_its_tasks_and_its_workflow_told(
    stores: Stores, kind: Displacement
):
    execution, (done, first, second) = await recorded(stores, "a", "b", "c")
    [run_id] = execution.runs
    await finish(stores, done)
    signals = await stores.run_queue.take_signals(9)
    await stores.run_queue.drop_signals([signal.position for signal in signals])
    await displace(stores, [run_id], kind)
    run = await stores.reading.run(run_id)
    why = {"code": DISPLACED.failure.code, "message": DISPLACED.failure.message}
    assert (run["status"], run["failure"]) == ("cancelled", why)
    assert run["finished_at"] == ids.occurrence_of_slot(AT)
    assert (await stores.task_ledger.get(done)).result == DONE
    for task_id in (first, second):
        cancelled = await stores.task_ledger.get(task_id)
        assert (cancelled.status, cancelled.result) == (TaskStatus.CANCELLED, DISPLACED.task)
    ends = [f"end of {subject}" for subject in (first, second, run_id)]
    assert await stores.outgoing() == [f"done {done}", *ends]
    [signal] = await stores.run_queue.take_signals(9)
    assert signal == Signal(signal.position, execution.workflow_id, SignalKind(kind))
    assert await starts(stores, AT) == [[run_of(stores, AT)]]


async def test_a_person_who_completes_a_task_at_that_moment_finds_it_cancelled(stores: Stores):
    execution, [task_id] = await recorded(stores, "a")
    [run_id] = execution.runs
    await stores.slots.plan([cursor()])
    async with stores.slots.open_due([ID], AT) as opened:
        found = await opened.open_work([run_id])
        completing = asyncio.create_task(finish(stores, task_id))
        done, _ = await asyncio.wait([completing], timeout=0.2)
        assert not done  # it waits for who has the run locked
        await take_place(opened, found)
    assert (await completing).result == DISPLACED.task
    assert await stores.outgoing() == [f"end of {task_id}", f"end of {run_id}"]


async def test_a_run_whose_tasks_are_recorded_at_that_moment_is_displaced_with_them(
    stores: Stores,
):
    await plan(stores)
    [run_id] = await fire(stores, AT - MINUTE)
    [execution] = await stores.compose()
    task = NewTask(spec(run_id), TaskStatus.READY)
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        displacing = asyncio.create_task(displace(stores, [run_id]))
        done, _ = await asyncio.wait([displacing], timeout=0.2)
        assert not done
        await opened.record([record(opened.runs[0], RunStatus.RUNNING, tasks=[task])], AT)
    await displacing
    assert (await stores.task_ledger.get(task.spec.task_id)).result == DISPLACED.task
    assert await stores.outgoing() == [f"end of {task.spec.task_id}", f"end of {run_id}"]


async def test_a_displaced_run_that_never_started_just_ends(stores: Stores):
    await plan(stores)
    [run_id] = await fire(stores, AT - MINUTE)
    await displace(stores, [run_id])
    assert (await stores.reading.run(run_id))["status"] == "cancelled"
    assert await stores.run_queue.take_signals(9) == []
    assert await starts(stores, AT) == [[run_of(stores, AT)]]


async def test_a_workflow_that_carries_out_other_runs_goes_on(stores: Stores):
    await plan(stores)
    first, second = await fire(stores, AT - MINUTE, AT - SECOND)
    [execution] = await stores.compose(together=True)
    await displace(stores, [first], Displacement.TERMINATE)
    assert await stores.run_queue.take_signals(9) == []
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        assert [run.run_id for run in opened.runs] == [second]


async def test_a_run_that_ended_meanwhile_is_not_displaced(stores: Stores):
    await plan(stores)
    [run_id] = await fire(stores, AT - MINUTE)
    assert await stores.run_ledger.close(run_id, RunStatus.COMPLETED, None, AT, [])
    await displace(stores, [run_id])
    assert (await stores.reading.run(run_id))["status"] == "completed"
    assert await stores.outgoing() == []
