"""What is left of a run's tasks, as steps for the workflow.

In: tasks just decided, or recorded by an earlier step (`as_decided`). Out: `TaskStep`s, none when
the run can be closed. What nobody waits for is left out: tasks that people can see already and
that keep nothing open, and what is completed.
"""

from collections.abc import Sequence
from dataclasses import replace

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.rules.task_spec import TaskKind, TaskRetry, TaskSpec
from activity_core.core.run.progress import Patience, TaskStep
from activity_core.core.run.task import FINAL, NewTask, TaskInstance, TaskStatus


def steps_of(tasks: Sequence[NewTask]) -> list[TaskStep]:
    """What is left of them; empty when the run can be closed."""
    needed = {need for task in tasks for need in task.spec.needs}
    return _left([_step(task, task.spec.task_id in needed) for task in tasks])


def as_decided(definition: ActivityDefinition, task: TaskInstance) -> NewTask:
    """A recorded task with the policies of its template in the pinned definition."""
    rule = next(rule for rule in definition.rules if rule.id == task.rule)
    template = next(found for found in rule.tasks if found.id == task.spec_id)
    backoff = template.retry.backoff
    spec = TaskSpec(
        task_id=task.task_id,
        rule=task.rule,
        spec_id=task.spec_id,
        item=task.item,
        kind=task.kind,
        title=task.title,
        inputs=task.inputs,
        needs=tuple(task.needs),
        queue=template.queue,
        retry=TaskRetry(
            template.retry.max_attempts,
            backoff.first.total_seconds(),
            backoff.longest.total_seconds(),
        ),
        timeout=template.timeout,
        wait=task.wait,
    )
    return NewTask(spec, task.status)


def _step(task: NewTask, is_needed: bool) -> TaskStep:  # noqa: FBT001 - a fact about the task
    spec, retry = task.spec, task.spec.retry
    patience = Patience(
        retry.max_attempts,
        retry.first_seconds,
        retry.longest_seconds,
        spec.timeout.total_seconds(),
    )
    return TaskStep(
        spec.task_id,
        list(spec.needs),
        patience,
        status=task.status if task.status in FINAL else "",
        by_person=spec.kind is TaskKind.HUMAN,
        awaited=spec.wait or is_needed,
        hidden=task.status is TaskStatus.PENDING,
        queue=spec.queue or "",
    )


def _left(steps: Sequence[TaskStep]) -> list[TaskStep]:
    completed = {step.task_id for step in steps if step.status == TaskStatus.COMPLETED}
    waiting = [
        replace(step, needs=[need for need in step.needs if need not in completed])
        for step in steps
        if not step.status and (not step.by_person or step.awaited or step.hidden)
    ]
    needed = {need for step in waiting for need in step.needs}
    in_the_way = [step for step in steps if step.status and step.task_id in needed]
    return [*in_the_way, *waiting]
