"""The runner with runs of many tasks: windows of whole groups, and an end for all at once."""

from tests.core_stage import CoreStage

from activity_core.core.run.progress import Progress, ProgressState, TaskStep
from activity_core.core.run.task import TaskStatus
from activity_core.core.run.window import MOST_STEPS

ITEMS = 520

MANY = """
id: many
limits: {tasks: 10000}
trigger: {manual: }
rules:
  - id: z
    for_each: input.items
    as: item
    tasks:
      - {id: first, http: {url: "http://127.0.0.1/"}}
      - {id: second, needs: [first], http: {url: "http://127.0.0.1/"}}
  - id: a
    tasks: [{id: alone, http: {url: "http://127.0.0.1/"}}]
  - id: b
    for_each: input.items
    as: item
    tasks: [{id: look, human: {title: Nobody waits}}]
"""
WINDOWS = 1 + (2 * ITEMS) // MOST_STEPS


async def begun(stage: CoreStage) -> tuple[str, str, Progress]:
    await stage.apply(MANY)
    (run_id,) = await stage.submit("many", "one", data={"items": list(range(ITEMS))})
    (execution,) = await stage.compose()
    progress = await stage.runner.advance(execution.execution_id)
    return run_id, execution.execution_id, progress


async def all_of(stage: CoreStage, progress: Progress) -> list[TaskStep]:
    steps = list(progress.tasks)
    windows = 1
    while progress.following:
        assert progress.state is ProgressState.PERFORM
        assert len(progress.tasks) in {MOST_STEPS, MOST_STEPS + 1}  # groups are whole
        progress = await stage.runner.next_tasks(
            progress.execution_id, progress.run_id, progress.following
        )
        steps += progress.tasks
        windows += 1
    assert windows == WINDOWS
    return steps


async def test_windows_give_every_group_once_and_whole() -> None:
    stage = CoreStage()
    run_id, execution, first = await begun(stage)
    steps = await all_of(stage, first)
    groups = list(dict.fromkeys(step.group for step in steps))
    assert groups == ["a#0", *(f"z#{item}" for item in range(ITEMS))]
    machines = {row.task.task_id for row in stage.tasks_of(run_id).values() if row.task.rule != "b"}
    assert {step.task_id for step in steps} == machines
    assert len(steps) == len(machines)
    again = await all_of(stage, await stage.runner.advance(execution))  # from the database
    by_id = {step.task_id: step for step in steps}
    assert {step.task_id: step for step in again} == by_id


async def test_what_cannot_start_any_more_is_skipped_in_a_few_transactions() -> None:
    stage = CoreStage()
    run_id, execution, _ = await begun(stage)
    for row in list(stage.tasks_of(run_id).values()):
        if row.task.spec_id == "first":
            await stage.performer.fail(row.task.task_id, 1, "no")
    ends: list[int] = []
    end = stage.tasks.end

    async def counted(*args: object, **how: object) -> object:
        ended = await end(*args, **how)  # type: ignore[arg-type]
        ends.append(len(ended))
        return ended

    stage.tasks.end = counted  # type: ignore[assignment,method-assign]
    assert (await stage.runner.close(execution, run_id)).counts == {"failed": 1}
    assert ends == [500, ITEMS - 500]
    failure = stage.run(run_id).failure
    assert failure is not None
    assert failure.message.endswith(f"and {ITEMS - 3} more")
    statuses = [row.task.status for row in stage.tasks_of(run_id).values()]
    assert statuses.count(TaskStatus.SKIPPED) == ITEMS
    assert stage.said(run_id).count("task.cancelled") == ITEMS


async def test_a_run_that_was_closed_has_no_more_tasks() -> None:
    stage = CoreStage()
    run_id, execution, first = await begun(stage)
    await stage.runner.close(execution, run_id)
    after = await stage.runner.next_tasks(execution, run_id, first.following)
    assert (after.state, after.tasks, after.following) == (ProgressState.PERFORM, [], "")
