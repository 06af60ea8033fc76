"""What is left of a run's tasks, as steps for the workflow.

In: tasks just decided, or recorded by an earlier step (`as_decided`). Out: `TaskStep`s, none when
the run can be closed. What nobody waits for is left out: tasks that people can see already and
that keep nothing open, what is over and stands in nobody's way, and all but what rules want.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.work import Work
from activity_core.core.rules.patience import patience_of
from activity_core.core.rules.task_spec import TaskKind, TaskRole, TaskSpec
from activity_core.core.run.compensation import rule_of, template_of
from activity_core.core.run.join import Fate, fate_of
from activity_core.core.run.progress import TaskStep
from activity_core.core.run.task import FINAL, NewTask, TaskInstance, TaskStatus
from activity_core.core.run.window import group_of

_CALLED = frozenset({TaskKind.ACTIVITY, TaskKind.WORKFLOW})
_ALL = frozenset({"all_succeeded", "all_done"})
"""Joins for which what is completed makes no difference."""


def steps_of(tasks: Sequence[NewTask]) -> list[TaskStep]:
    """What is left of them; empty when the run can be closed."""
    groups: defaultdict[str, list[TaskStep]] = defaultdict(list)
    needed = {need for task in tasks for need in task.spec.needs}
    for task in tasks:
        if task.spec.role is TaskRole.TASK:
            step = step_of(task, is_needed=task.spec.task_id in needed)
            groups[step.group].append(step)
    return [step for group in groups.values() for step in _left(group)]


def as_decided(definition: ActivityDefinition, task: TaskInstance) -> NewTask:
    """A recorded task with the policies of its template in the pinned definition."""
    rule, template = (
        rule_of(definition, task.rule),
        template_of(definition, task.rule, task.spec_id),
    )
    work: Work = template
    if task.role is TaskRole.COMPENSATION and template.compensate is not None:
        work = template.compensate
    spec = TaskSpec(
        task_id=task.task_id,
        rule=task.rule,
        spec_id=task.spec_id,
        item=task.item,
        kind=task.kind,
        title=task.title,
        inputs=task.inputs,
        needs=tuple(task.needs),
        queue=work.queue,
        patience=patience_of(work),
        wait=task.wait,
        human=template.human_,
        role=task.role,
        about=task.about,
        late=task.late,
        join=template.join,
        on_failure=rule.on_failure(template) if task.role is TaskRole.TASK else "fail",
        parallel=rule.parallel,
        undo=task.undo,
    )
    return NewTask(spec, task.status, outcome=task.result.outcome if task.result else "")


def step_of(task: NewTask, *, is_needed: bool = False) -> TaskStep:
    """One step, whatever the task is there for."""
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
        outcome=task.outcome,
        group=group_of(spec.rule, spec.item),
        rule=spec.rule,
        parallel=spec.parallel,
        join=spec.join,
        on_failure=spec.on_failure,
        call=spec.kind if spec.kind in _CALLED else "",
        undo=spec.undo,
    )


def _left(group: Sequence[TaskStep]) -> list[TaskStep]:
    """Of one group, what is to be done, after what is over and decides about it."""
    completed = {step.task_id for step in group if step.status == TaskStatus.COMPLETED}
    waiting = [
        _without(step, completed) if step.join in _ALL else step
        for step in group
        if not step.status and (not step.by_person or step.awaited or step.hidden)
    ]
    decides = {need for step in waiting for need in step.needs}
    if any(step.undo and step.task_id in completed for step in group):
        decides |= {step.task_id for step in group if _calls_for_compensation(step)}
    over = [
        replace(step, needs=[])  # what it needed may be left out
        for step in group
        if step.status and step.task_id in decides
    ]
    return [*over, *waiting]


def _without(step: TaskStep, completed: set[str]) -> TaskStep:
    return replace(step, needs=[need for need in step.needs if need not in completed])


def _calls_for_compensation(step: TaskStep) -> bool:
    failed = bool(step.status) and fate_of(step, step.status, step.outcome) is Fate.FAILED
    return failed and step.on_failure == "compensate"
