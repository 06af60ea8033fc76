"""Sagas over in-memory stores, step by step as the workflow takes them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.core_stage import CoreStage

from activity_core.adapters.memory.run_control import MemoryRunControl
from activity_core.adapters.memory.task_performer import MemoryAttempt
from activity_core.core.run.progress import ProgressState, TaskEnd
from activity_core.core.run.run import RunStatus
from activity_core.core.run.task import TaskStatus

ONCE = MemoryAttempt()

ORDER = """
id: order
owner: shop
trigger: {manual: }
rules:
  - id: saga
    for_each: input.orders
    as: order
    tasks:
      - id: create
        http: {url: "http://127.0.0.1/${order}"}
        compensate:
          http: {url: "http://127.0.0.1/cancel/${tasks.create.outputs.id}"}
      - id: pay
        needs: [create]
        http: {url: "http://127.0.0.1/pay"}
        compensate: {http: {url: "http://127.0.0.1/refund"}, retry: {max_attempts: 9}}
      - id: approve
        human: {title: Approve, wait: true}
      - id: ship
        needs: [pay, approve]
        http: {url: "http://127.0.0.1/ship"}
"""


@pytest.fixture
def stage() -> CoreStage:
    return CoreStage()


async def begun(stage: CoreStage, *orders: str) -> tuple[str, str, dict[str, str]]:
    """Run id, execution id, and task ids by template and item."""
    await stage.apply(ORDER)
    (run_id,) = await stage.submit("order", "one", data={"orders": list(orders)})
    (execution,) = await stage.compose()
    progress = await stage.runner.advance(execution.execution_id)
    assert progress.state is ProgressState.PERFORM
    tasks = {name: row.task.task_id for name, row in stage.tasks_of(run_id).items()}
    return run_id, execution.execution_id, tasks


async def do(stage: CoreStage, task_id: str) -> TaskEnd:
    stage.http.outputs |= {"create": {"id": 7}}
    return await stage.performer.perform(task_id, ONCE)


async def stop(stage: CoreStage, run_id: str) -> None:
    async with MemoryRunControl(stage.state).hold(run_id) as held:
        await held.compensate()


async def undone_to_the_end(stage: CoreStage, run_id: str, group: str) -> list[str]:
    """Addresses asked, one compensation after another."""
    before = len(stage.http.performed)
    while steps := await stage.compensator.begin(run_id, group, 1):
        await do(stage, steps[0].task_id)
    return [str(task.inputs["url"]) for task in stage.http.performed[before:]]


async def test_what_is_done_is_undone_backwards_and_what_is_open_is_given_up(
    stage: CoreStage,
) -> None:
    run_id, execution, tasks = await begun(stage, "a")
    for name in ("create", "pay"):
        await do(stage, tasks[name])
        stage.clock.advance(timedelta(seconds=1))
    await stage.performer.fail(tasks["ship"], 1, "no", "http_409")
    steps = await stage.compensator.begin(run_id, "saga#0", 1)
    assert [step.patience.attempts for step in steps] == [9, 5]
    assert steps == await stage.compensator.begin(run_id, "saga#0", 1)  # once
    asked = await undone_to_the_end(stage, run_id, "saga#0")
    assert asked == ["http://127.0.0.1/refund", "http://127.0.0.1/cancel/7"]
    statuses = {name: row.task.status for name, row in stage.tasks_of(run_id).items()}
    assert statuses == {
        "create": TaskStatus.COMPENSATED,
        "pay": TaskStatus.COMPENSATED,
        "approve": TaskStatus.CANCELLED,
        "ship": TaskStatus.FAILED,
        "create/compensate": TaskStatus.COMPLETED,
        "pay/compensate": TaskStatus.COMPLETED,
    }
    progress = await stage.runner.close(execution, run_id)
    assert progress.counts == {"compensated": 1}
    assert stage.run(run_id).status is RunStatus.COMPENSATED
    assert stage.said(run_id)[-7:] == [
        "task.failed",
        "task.cancelled",
        "task.created",
        "task.created",
        "task.completed",
        "task.completed",
        "run.failed",
    ]


async def test_a_compensation_that_fails_for_good_asks_for_help_and_others_go_on(
    stage: CoreStage,
) -> None:
    run_id, execution, tasks = await begun(stage, "a")
    await do(stage, tasks["create"])
    await do(stage, tasks["pay"])
    await stage.performer.fail(tasks["ship"], 1, "no")
    first, second = await stage.compensator.begin(run_id, "saga#0", 1)
    end = await stage.performer.fail(first.task_id, 1, "it answered 500", "http_500")
    assert end == TaskEnd("failed", "failed")
    for _ in range(2):
        await stage.compensator.failed(first.task_id)
    assert await stage.compensator.begin(run_id, "saga#0", 1) == [second]
    await do(stage, second.task_id)
    assert (await stage.runner.close(execution, run_id)).counts == {"failed": 1}
    run, rows = stage.run(run_id), stage.tasks_of(run_id)
    assert run.failure is not None
    assert run.failure.code == "compensation_failed"
    wanted = rows["pay/compensate/help"].task
    assert (wanted.status, list(wanted.groups)) == (TaskStatus.READY, ["shop"])
    assert rows["pay"].task.status is TaskStatus.COMPLETED  # partial failure can be seen
    assert rows["create"].task.status is TaskStatus.COMPENSATED
    assert stage.said(run_id).count("task.created") == 4 + 2 + 1


async def test_a_compensation_that_fails_again_asks_again_once_nobody_is_asked(
    stage: CoreStage,
) -> None:
    run_id, _, tasks = await begun(stage, "a")
    await do(stage, tasks["create"])
    await do(stage, tasks["pay"])
    await stage.performer.fail(tasks["ship"], 1, "no")
    refund = (await stage.compensator.begin(run_id, "saga#0", 1))[0].task_id

    def change(task_id: str, **how: Any) -> None:
        rows = stage.state.tables.tasks
        rows[task_id] = replace(rows[task_id], task=replace(rows[task_id].task, **how))

    async def failed(attempt: int) -> list[str]:
        change(refund, run_attempt=attempt)
        await stage.performer.fail(refund, attempt, "it answered 500", "http_500")
        await stage.compensator.failed(refund)
        return [name for name in stage.tasks_of(run_id) if "/help" in name]

    assert await failed(1) == ["pay/compensate/help"]
    assert await failed(2) == ["pay/compensate/help"]
    helped = stage.tasks_of(run_id)["pay/compensate/help"].task.task_id
    change(helped, status=TaskStatus.COMPLETED)
    assert await failed(2) == ["pay/compensate/help", "pay/compensate/help-2"]


async def test_items_do_not_undo_each_other(stage: CoreStage) -> None:
    run_id, execution, tasks = await begun(stage, "a", "b")
    for name in ("create", "create1", "pay1"):
        await do(stage, tasks[name])
    await stage.performer.fail(tasks["pay"], 1, "no")
    await undone_to_the_end(stage, run_id, "saga#0")
    statuses = {name: row.task.status for name, row in stage.tasks_of(run_id).items()}
    assert statuses["create"] is TaskStatus.COMPENSATED
    assert statuses["create1"] is statuses["pay1"] is TaskStatus.COMPLETED
    assert statuses["approve1"] is TaskStatus.READY
    progress = await stage.runner.advance(execution)
    assert {step.group for step in progress.tasks} == {"saga#1"}


async def test_whoever_goes_on_finds_what_is_still_to_be_undone(stage: CoreStage) -> None:
    run_id, execution, tasks = await begun(stage, "a")
    await do(stage, tasks["create"])
    await stage.performer.fail(tasks["pay"], 1, "no")
    for _ in range(2):  # before the compensations are recorded, and after
        progress = await stage.runner.advance(execution)
        [failed] = [step for step in progress.tasks if step.status]
        assert (failed.task_id, failed.on_failure) == (tasks["pay"], "compensate")
        await stage.compensator.begin(run_id, "saga#0", 1)
    await undone_to_the_end(stage, run_id, "saga#0")
    assert (await stage.runner.advance(execution)).tasks == []


async def test_a_run_that_is_to_stop_undoes_all_groups(stage: CoreStage) -> None:
    run_id, execution, tasks = await begun(stage, "a", "b", "c")
    for name in ("create", "create2"):
        await do(stage, tasks[name])
    await stop(stage, run_id)
    assert (await stage.presenter.states(run_id, [])).stop == "compensate"
    assert (await stage.runner.advance(execution)).stop == "compensate"
    asked = await undone_to_the_end(stage, run_id, "")
    assert asked == ["http://127.0.0.1/cancel/7"] * 2
    assert (await stage.runner.close(execution, run_id)).counts == {"compensated": 1}
    statuses = {row.task.status for row in stage.tasks_of(run_id).values()}
    assert statuses == {TaskStatus.COMPENSATED, TaskStatus.COMPLETED, TaskStatus.CANCELLED}


async def test_a_run_without_anything_to_undo_is_cancelled(stage: CoreStage) -> None:
    run_id, execution, _ = await begun(stage, "a")
    await stop(stage, run_id)
    assert await stage.compensator.begin(run_id, "", 1) == []
    assert (await stage.runner.close(execution, run_id)).counts == {"cancelled": 1}
