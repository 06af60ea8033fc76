"""Notices: who is told of a human task, and when. Each one is a task of its own.

In: a human task and what happened to it. Out: the notifications that its template wants, as tasks
to be recorded in the very transaction of what they tell of. Nobody waits for them; their words are
rendered when their turn has come.
"""

from dataclasses import dataclass

from activity_core.core import ids
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.human_task import HumanTask, Notice, Notification
from activity_core.core.human.log import Action
from activity_core.core.rules.late import origin_of
from activity_core.core.rules.patience import patience_of
from activity_core.core.rules.task_spec import TaskKind, TaskRole, TaskSpec
from activity_core.core.run.progress import TaskStep
from activity_core.core.run.task import NewTask, TaskInstance, TaskStatus


@dataclass(frozen=True, slots=True)
class Told:
    """The human task that something is told of. `revision` keeps one time apart from the next."""

    task_id: str
    run_id: str
    rule: str
    spec_id: str
    item: int
    revision: int = 0

    @classmethod
    def of(cls, task: TaskInstance) -> "Told":
        """A recorded one."""
        return cls(task.task_id, task.run_id, task.rule, task.spec_id, task.item, task.revision)

    @classmethod
    def new(cls, run_id: str, spec: TaskSpec) -> "Told":
        """One that is about to be recorded."""
        return cls(spec.task_id, run_id, spec.rule, spec.spec_id, spec.item)


def human_of(definition: ActivityDefinition, task: TaskInstance) -> HumanTask | None:
    """What the template of a task says about people; None if it is not for people, or has none."""
    templates = (found for rule in definition.rules if rule.id == task.rule for found in rule.tasks)
    return next((found.human_ for found in templates if found.id == task.spec_id), None)


def notifications(human: HumanTask | None, told: Told, notice: Notice | Action) -> list[NewTask]:
    """The notifications that follow."""
    return [
        NewTask(_spec(work, told, f"/notify/{index}/{notice}-{told.revision}"), TaskStatus.READY)
        for index, work in enumerate(human.notify if human else ())
        if notice in work.on
    ]


def notification_step(
    definition: ActivityDefinition, rule: str, spec_id: str, task_id: str
) -> TaskStep:
    """How a recorded notification is carried out."""
    work = origin_of(definition, rule, spec_id).work
    return TaskStep(task_id, [], patience_of(work), queue=work.queue or "")


def _spec(work: Notification, told: Told, suffix: str) -> TaskSpec:
    spec_id = told.spec_id + suffix
    return TaskSpec(
        task_id=ids.task_id(told.run_id, told.rule, spec_id, told.item),
        rule=told.rule,
        spec_id=spec_id,
        item=told.item,
        kind=TaskKind(work.kind),
        title=told.spec_id,
        inputs={},
        needs=(),
        queue=work.queue,
        patience=patience_of(work),
        role=TaskRole.NOTIFICATION,
        about=told.task_id,
        late=True,
    )
