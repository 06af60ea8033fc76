"""What is left of a run's tasks, as steps for the workflow.

In: tasks just decided, or recorded by an earlier step (`as_decided`). Out: `TaskStep`s, none when
the run can be closed. What nobody waits for is left out: tasks that people can see already and
that keep nothing open, and what is completed.
"""

from collections.abc import Sequence
from dataclasses import replace

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.rules.patience import patience_of
from activity_core.core.rules.task_spec import TaskKind, TaskSpec
from activity_core.core.run.progress import TaskStep
from activity_core.core.run.task import FINAL, NewTask, TaskInstance, TaskStatus

_CALLED = frozenset({TaskKind.ACTIVITY, TaskKind.WORKFLOW})


def steps_of(tasks: Sequence[NewTask]) -> list[TaskStep]:
    """What is left of them; empty when the run can be closed."""
    needed = {need for task in tasks for need in task.spec.needs}
    return _left([_step(task, task.spec.task_id in needed) for task in tasks])


def as_decided(definition: ActivityDefinition, task: TaskInstance) -> NewTask:
    """A recorded task with the policies of its template in the pinned definition."""
    rule = next(rule for rule in definition.rules if rule.id == task.rule)
    template = next(found for found in rule.tasks if found.id == task.spec_id)
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
        patience=patience_of(template),
        wait=task.wait,
        human=template.human_,
        role=task.role,
        about=task.about,
        late=task.late,
        join=template.join,
        on_failure=rule.on_failure(template),
        parallel=rule.parallel,
        undo=template.compensate is not None,
    )
    return NewTask(spec, task.status)


def _step(task: NewTask, is_needed: bool) -> TaskStep:  # noqa: FBT001 - a fact about the task
    spec = task.spec
    return TaskStep(
        spec.task_id,
        list(spec.needs),
        spec.patience,
        status=task.status if task.status in FINAL else "",
        by_person=spec.kind is TaskKind.HUMAN,
        awaited=spec.wait or is_needed,
        hidden=task.status is TaskStatus.PENDING,
        queue=spec.queue or "",
        group=f"{spec.rule}#{spec.item}",
        rule=spec.rule,
        parallel=spec.parallel,
        join=spec.join,
        on_failure=spec.on_failure,
        call=spec.kind if spec.kind in _CALLED else "",
        undo=spec.undo,
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
