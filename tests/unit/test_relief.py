"""Help with a compensation, taken back once a retry undid what nobody needs to undo by hand."""

import pytest
from tests.core_stage import CoreStage
from tests.unit.test_saga import begun, do

from activity_core.adapters.memory.task_performer import MemoryAttempt
from activity_core.core.run.task import TaskResult, TaskStatus

ONCE = MemoryAttempt()
HELP = "pay/compensate/help"


@pytest.fixture
def stage() -> CoreStage:
    return CoreStage()


async def to_refund(stage: CoreStage) -> tuple[str, str, str]:
    """Run, execution, and the compensation that is to be done first."""
    run_id, execution, tasks = await begun(stage, "a")
    await do(stage, tasks["create"])
    await do(stage, tasks["pay"])
    await stage.performer.fail(tasks["ship"], 1, "no")
    refund, _ = await stage.compensator.begin(run_id, "saga#0", 1)
    return run_id, execution, refund.task_id


async def fail(stage: CoreStage, compensation: str) -> None:
    await stage.performer.fail(compensation, 1, "it answered 500", "http_500")
    await stage.compensator.failed(compensation)


async def test_nobody_undoes_by_hand_what_a_retry_undid(stage: CoreStage) -> None:
    run_id, execution, refund = await to_refund(stage)
    await fail(stage, refund)
    [other] = await stage.compensator.begin(run_id, "saga#0", 1)
    await do(stage, other.task_id)
    asked = stage.tasks_of(run_id)[HELP].task
    assert asked.status is TaskStatus.READY  # what another compensation did is no help with this
    await stage.runner.close(execution, run_id)

    await stage.retry(run_id)
    [left] = await stage.compensator.begin(run_id, "saga#0", 2)
    assert left.task_id == refund
    before = len(stage.said(run_id))
    await stage.performer.perform(refund, ONCE, run_attempt=2)
    rows = stage.tasks_of(run_id)
    assert rows["pay"].task.status is TaskStatus.COMPENSATED
    assert rows[HELP].task.status is TaskStatus.CANCELLED
    assert stage.said(run_id)[before:] == ["task.completed", "task.cancelled"]
    [line] = stage.state.tables.task_log[asked.task_id]
    assert (line.action, "tried again" in line.comment) == ("cancelled", True)


async def test_what_was_undone_by_hand_before_stays_as_it_is(stage: CoreStage) -> None:
    run_id, execution, refund = await to_refund(stage)
    await fail(stage, refund)
    asked = stage.tasks_of(run_id)[HELP].task.task_id
    done = TaskResult(TaskStatus.COMPLETED, "done", by="ann")
    await stage.tasks.finish(asked, done, stage.clock.now(), [])
    await stage.runner.close(execution, run_id)
    await stage.retry(run_id)
    await stage.performer.perform(refund, ONCE, run_attempt=2)
    assert stage.tasks_of(run_id)[HELP].task.result == done


async def test_an_attempt_that_comes_too_late_does_not_take_help_back(stage: CoreStage) -> None:
    """It failed for good meanwhile: a person is asked, and stays asked."""
    run_id, _, refund = await to_refund(stage)
    late = await stage.tasks.get(refund)
    await fail(stage, refund)
    end = await stage.performer.finish(late, TaskResult(TaskStatus.COMPLETED, "done"), 1)
    assert end.status == "failed"
    assert stage.tasks_of(run_id)[HELP].task.status is TaskStatus.READY
    assert "task.cancelled" not in stage.said(run_id)[-2:]
