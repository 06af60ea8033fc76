"""What the desk of runs does for operators, over every store."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.contract.stores import AT, Stores, definition, event, record, spec

from activity_core.adapters.memory.clock import ManualClock
from activity_core.adapters.memory.doorbell import MemoryDoorbell
from activity_core.core.errors import BadInputError, ConflictError, NotFoundError
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.run import RunFailure, RunStatus
from activity_core.core.run.task import NOT_WANTED, TaskResult, TaskStatus
from activity_core.ports.doorbell import Topic
from activity_core.ports.run_queue import SignalKind
from activity_core.services.rerun import Rerunner, RerunRequest
from activity_core.services.run_control import RunDesk

FAILED = TaskResult(TaskStatus.FAILED, "failed", error="broken")
WHY = RunFailure("task_failed", "broken")


class Desk(RunDesk):
    """A desk over some stores, and who is rung."""

    def __init__(self, stores: Stores) -> None:
        self.rings, clock = MemoryDoorbell(), ManualClock(AT)
        super().__init__(
            stores.run_control, stores.task_ledger, clock, self.rings, deployment="test"
        )
        self.rerunner = Rerunner(stores.run_control, stores.registry, clock, self.rings)


async def log(stores: Stores, run_id: str) -> list[tuple[str, str, str]]:
    told: Mapping[str, Any] = await stores.reading.run(run_id)
    return [(line["action"], line["by"], line["reason"]) for line in told["log"]]


async def said(stores: Stores) -> list[str]:
    async with stores.outbox.take(100, AT) as batch:
        return [row.type.removeprefix("activity-core.") for row in batch.rows]


@pytest.mark.parametrize(
    ("at_once", "kind", "word"),
    [(False, SignalKind.CANCEL, "cancelled"), (True, SignalKind.TERMINATE, "terminated")],
)
async def test_a_run_is_cancelled_once_with_who_and_why(
    stores: Stores, *, at_once: bool, kind: SignalKind, word: str
):
    execution = await stores.recorded()
    [run_id] = execution.runs
    desk = Desk(stores)
    await desk.cancel(run_id, "ann", "sent twice", at_once=at_once)
    await desk.cancel(run_id, "bob")
    run = await stores.reading.run(run_id)
    why = {"code": word, "message": f"{word} by ann: sent twice"}
    assert (run["status"], run["failure"]) == ("cancelled", why)
    assert await log(stores, run_id) == [(word, "ann", "sent twice")]
    task = await stores.task_ledger.get(spec(run_id).task_id)
    assert task.result is not None
    assert (task.result.by, task.status) == ("ann", TaskStatus.CANCELLED)
    assert await said(stores) == ["task.cancelled.v1", "run.failed.v1"]
    [signal] = await stores.run_queue.take_signals(9)
    assert signal.kind is kind
    assert {Topic.STARTER, Topic.RELAY} <= set(desk.rings.rings)


async def test_only_open_runs_are_cancelled(stores: Stores):
    desk = Desk(stores)
    with pytest.raises(NotFoundError):
        await desk.cancel("run-unknown", "ann")
    [run_id] = await stores.fire(event())
    assert await stores.run_ledger.close(run_id, RunStatus.COMPLETED, None, AT, [])
    with pytest.raises(ConflictError, match="completed"):
        await desk.cancel(run_id, "ann")
    with pytest.raises(ConflictError, match="completed"):
        await desk.compensate(run_id, "ann")
    assert await log(stores, run_id) == []


async def test_a_run_is_asked_to_compensate_once_it_decided(stores: Stores):
    [run_id] = await stores.fire(event())
    desk = Desk(stores)
    with pytest.raises(ConflictError, match="nothing to compensate"):
        await desk.compensate(run_id, "ann")
    [execution] = await stores.compose()
    await stores.run_queue.mark_started([execution.execution_id])
    async with stores.run_ledger.open(execution.execution_id, AT) as opened:
        await opened.record([record(opened.runs[0], RunStatus.RUNNING)], AT)
    await desk.compensate(run_id, "ann", "the customer called")
    await desk.compensate(run_id, "bob")
    assert await log(stores, run_id) == [("compensating", "ann", "the customer called")]
    [signal] = await stores.run_queue.take_signals(9)
    assert signal.kind is SignalKind.TASKS_CHANGED
    await desk.cancel(run_id, "bob", "it hangs")  # whoever cannot wait may end it
    assert (await stores.reading.run(run_id))["status"] == "cancelled"


async def test_retrying_a_failed_run_is_on_record(stores: Stores):
    [run_id] = (await stores.recorded()).runs
    desk = Desk(stores)
    with pytest.raises(NotFoundError):
        await desk.retry("run-unknown", "ann")
    with pytest.raises(ConflictError):
        await desk.retry(run_id, "ann")
    assert await stores.run_ledger.close(run_id, RunStatus.FAILED, WHY, AT, [])
    assert (await desk.retry(run_id, "ann", "the shop is back")).attempt == 2
    with pytest.raises(ConflictError):
        await desk.retry(run_id, "ann")
    assert await log(stores, run_id) == [("retried", "ann", "the shop is back")]
    assert Topic.STARTER in desk.rings.rings


async def test_an_open_task_is_skipped_once(stores: Stores):
    run_id = stores.run_id(event())
    wanted = spec(run_id, kind=TaskKind.HTTP)
    await stores.recorded(wanted)
    await stores.task_ledger.begin(wanted.task_id, 1, AT)
    desk = Desk(stores)
    await desk.skip(wanted.task_id, "ann", "not needed")
    await desk.skip(wanted.task_id, "bob")
    task = await stores.task_ledger.get(wanted.task_id)
    assert task.result is not None
    assert (task.status, task.result.outcome) == (TaskStatus.SKIPPED, NOT_WANTED)
    assert (task.result.by, task.result.comment) == ("ann", "skipped by ann: not needed")
    assert await log(stores, run_id) == [("task_skipped", "ann", "not needed")]
    assert await said(stores) == ["task.cancelled.v1"]


async def test_a_failed_task_is_skipped_when_its_run_has_failed(stores: Stores):
    run_id = stores.run_id(event())
    wanted, done = spec(run_id, "a", kind=TaskKind.HTTP), spec(run_id, "b", kind=TaskKind.HTTP)
    await stores.recorded(wanted, done)
    await stores.task_ledger.finish(wanted.task_id, FAILED, AT, [])
    completed = TaskResult(TaskStatus.COMPLETED, "done")
    await stores.task_ledger.finish(done.task_id, completed, AT, [])
    desk = Desk(stores)
    with pytest.raises(ConflictError) as conflict:
        await desk.skip(wanted.task_id, "ann")
    assert "retry" in conflict.value.hint
    assert await stores.run_ledger.close(run_id, RunStatus.FAILED, WHY, AT, [])
    await desk.skip(wanted.task_id, "ann")
    with pytest.raises(ConflictError, match="completed"):
        await desk.skip(done.task_id, "ann")
    await desk.retry(run_id, "ann")
    assert (await stores.task_ledger.get(wanted.task_id)).status is TaskStatus.SKIPPED


async def test_a_run_again_is_on_record_at_both(stores: Stores):
    [run_id] = await stores.fire(event())
    rerunner = Desk(stores).rerunner
    request = RerunRequest("again-1", "ann", "the rate was wrong", context="fresh")
    with pytest.raises(ConflictError, match="pending"):
        await rerunner.rerun(run_id, request)
    assert await stores.run_ledger.close(run_id, RunStatus.COMPLETED, None, AT, [])
    made = await rerunner.rerun(run_id, request)
    assert made.created
    assert not (await rerunner.rerun(run_id, request)).created
    assert await log(stores, run_id) == [("rerun", "ann", "the rate was wrong")]
    told: Mapping[str, Any] = await stores.reading.run(made.run_id)
    [decision] = told["decisions"]
    reason = f"run again of {run_id} with fresh context, asked by ann: the rate was wrong"
    assert decision["reason"] == reason


async def test_a_run_again_may_take_the_newest_version(stores: Stores):
    [run_id] = await stores.fire(event())
    assert await stores.run_ledger.close(run_id, RunStatus.COMPLETED, None, AT, [])
    await stores.publish(definition(title="Other"), version=2)
    rerunner = Desk(stores).rerunner
    same = await rerunner.rerun(run_id, RerunRequest("1", "ann", context="fresh"))
    newest = await rerunner.rerun(
        run_id, RerunRequest("2", "ann", context="fresh", version="newest")
    )
    versions = [(await stores.reading.run(each.run_id))["version_used"] for each in (same, newest)]
    assert versions == [1, 2]


async def test_what_cannot_be_run_again_says_why(stores: Stores):
    [run_id] = await stores.fire(event())
    assert await stores.run_ledger.close(run_id, RunStatus.COMPLETED, None, AT, [])
    rerunner = Desk(stores).rerunner
    with pytest.raises(ConflictError, match="never had a context"):
        await rerunner.rerun(run_id, RerunRequest("1", "ann"))
    with pytest.raises(BadInputError):
        await rerunner.rerun(run_id, RerunRequest("no id", "ann", context="fresh"))
    with pytest.raises(NotFoundError):
        await rerunner.rerun("run-unknown", RerunRequest("1", "ann"))
    await stores.publish(definition(enabled=False), version=2)
    with pytest.raises(ConflictError, match="enabled"):
        await rerunner.rerun(run_id, RerunRequest("1", "ann", context="fresh"))
    assert await log(stores, run_id) == []
