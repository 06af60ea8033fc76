"""Compensation: what undoes the completed tasks of a group, and who helps when that fails.

In: the tasks of one rule and item as they are stored, and their pinned definition. Out: new tasks
to be recorded, and those that are there in the order in which they are to be done: the reverse of
that in which their tasks were completed, and of what needed what. Pure.
"""

from collections.abc import Sequence
from graphlib import TopologicalSorter

from activity_core.core import ids
from activity_core.core.definition.definition import ActivityDefinition, Rule
from activity_core.core.definition.task_template import TaskTemplate
from activity_core.core.definition.work import Work
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.human_words import MAX_PRINCIPAL
from activity_core.core.rules.patience import patience_of
from activity_core.core.rules.task_spec import TaskKind, TaskRole, TaskSpec
from activity_core.core.rules.task_words import title_of
from activity_core.core.run.progress import Patience
from activity_core.core.run.task import FINAL, NewTask, TaskInstance, TaskResult, TaskStatus

COMPENSATE = "/compensate"
"""Ending of the spec ids of compensations."""
HELP = "/help"
"""And of what asks for help with one."""

OPERATORS = "operators"
"""The group that is asked for help if the definition has no owner."""

GIVEN_UP = TaskResult(TaskStatus.CANCELLED, "cancelled", comment="what it belongs to is undone")
"""How every open task of a group ends that is compensated."""

_NEVER = Patience(1, 1.0, 1.0, 30.0)
_DONE = frozenset({TaskStatus.COMPLETED, TaskStatus.COMPENSATED})


def given_up(group: Sequence[TaskInstance]) -> list[TaskInstance]:
    """The tasks that nobody does any more once the others are undone."""
    return [task for task in group if task.role is TaskRole.TASK and task.status not in FINAL]


def compensations(definition: ActivityDefinition, group: Sequence[TaskInstance]) -> list[NewTask]:
    """What undoes the completed tasks of a group, to be recorded once; nothing if nothing does."""
    found = []
    for task in group:
        if task.role is TaskRole.TASK and task.undo and task.status in _DONE:
            work = template_of(definition, task.rule, task.spec_id).compensate
            if work is not None:
                found.append(NewTask(_undoing(task, work), TaskStatus.PENDING))
    return found


def left_to_undo(
    definition: ActivityDefinition, group: Sequence[TaskInstance]
) -> list[TaskInstance]:
    """The compensations of a group that are not over, in their order."""
    about = {task.task_id: task for task in group}
    place = _places(rule_of(definition, group[0].rule)) if group else {}

    def turn(compensation: TaskInstance) -> tuple[object, ...]:
        undone = about[str(compensation.about)]
        return undone.finished_at, place[undone.spec_id]

    open_ = [
        task for task in group if task.role is TaskRole.COMPENSATION and task.status not in FINAL
    ]
    return sorted(open_, key=turn, reverse=True)


def help_with(
    definition: ActivityDefinition, compensation: TaskInstance, undone: TaskInstance
) -> NewTask:
    """A person is to undo what a compensation that failed for good did not.

    A retried run asks again: who helped before did not know of it.
    """
    why = compensation.result.error if compensation.result else ""
    description = (
        f"The compensation of task {undone.spec_id} ({undone.task_id}) failed and is not tried "
        f"again. Undo by hand what it did, then complete this task.\n\n{why}"
    )
    inputs: dict[str, JsonValue] = {
        "title": f"Undo by hand: {undone.title}",
        "description": description,
        "form": None,
        "outcomes": [],
    }
    again = f"-{compensation.run_attempt}" if compensation.run_attempt > 1 else ""
    spec_id = compensation.spec_id + HELP + again
    owner = (definition.owner or OPERATORS)[:MAX_PRINCIPAL]
    spec = TaskSpec(
        task_id=ids.task_id(compensation.run_id, compensation.rule, spec_id, compensation.item),
        rule=compensation.rule,
        spec_id=spec_id,
        item=compensation.item,
        kind=TaskKind.HUMAN,
        title=title_of({}, inputs, spec_id),
        inputs=inputs,
        needs=(),
        queue=None,
        patience=_NEVER,
        groups=(owner,),
        role=TaskRole.HELP,
        about=compensation.task_id,
    )
    return NewTask(spec, TaskStatus.READY)


def is_asked_for_help(group: Sequence[TaskInstance], compensation_id: str) -> bool:
    """Whether somebody still is to look after a compensation."""
    return any(
        task.role is TaskRole.HELP and task.about == compensation_id and task.status not in FINAL
        for task in group
    )


def rule_of(definition: ActivityDefinition, rule_id: str) -> Rule:
    """A rule of a definition; there is one for every recorded task."""
    return next(rule for rule in definition.rules if rule.id == rule_id)


def template_of(definition: ActivityDefinition, rule_id: str, spec_id: str) -> TaskTemplate:
    """The template that a recorded task is of, or that it is about."""
    template_id, _, _ = spec_id.partition("/")
    templates = rule_of(definition, rule_id).tasks
    return next(template for template in templates if template.id == template_id)


def _undoing(task: TaskInstance, work: Work) -> TaskSpec:
    spec_id = task.spec_id + COMPENSATE
    return TaskSpec(
        task_id=ids.task_id(task.run_id, task.rule, spec_id, task.item),
        rule=task.rule,
        spec_id=spec_id,
        item=task.item,
        kind=TaskKind(work.kind),
        title=task.spec_id,
        inputs={},
        needs=(),
        queue=work.queue,
        patience=patience_of(work),
        role=TaskRole.COMPENSATION,
        about=task.task_id,
        late=True,
    )


def _places(rule: Rule) -> dict[str, int]:
    """Where each template comes if all are done one after another."""
    order = TopologicalSorter({task.id: task.needs for task in rule.tasks}).static_order()
    return {spec_id: place for place, spec_id in enumerate(order)}
