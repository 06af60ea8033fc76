"""The check of task templates: how tasks of one rule hang together, and what people are asked.

Part of the `check` of a definition; the work itself is judged by `check_work`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from activity_core.core.definition.definition import ActivityDefinition, Rule
from activity_core.core.definition.human_task import Deadline, HumanTask, Notification
from activity_core.core.definition.task_template import TaskTemplate
from activity_core.core.definition_file.check_work import WorkCheck
from activity_core.core.definition_file.expressions import Expressions, Issues
from activity_core.core.definition_file.known import Known
from activity_core.core.expression.message import did_you_mean
from activity_core.core.expression.template import Path
from activity_core.core.rules.late import NOTICE_VARIABLES, TASKS

_FOR_MACHINES = ("queue", "retry", "timeout")
_JOINS_OF_ONE = ("any_succeeded", "any_failed")
"""They wait for at least one, so that there must be some."""


@dataclass(frozen=True, slots=True)
class TaskCheck:
    """Judges the tasks of one rule."""

    definition: ActivityDefinition
    rule: Rule
    expressions: Expressions
    known: Known | None

    def issues(self, here: Path, task: TaskTemplate) -> Issues:
        """Everything wrong with one of them."""
        variables = self.definition.variables | {TASKS}
        if self.rule.as_:
            variables |= {self.rule.as_}
        needs = self.rule.all_needs(task)
        seen = replace(
            self.expressions, visible=needs, siblings=[other.id for other in self.rule.tasks]
        )
        if task.join in _JOINS_OF_ONE and not task.needs:
            yield (*here, "join"), f"`{task.join}` of nothing never comes: add `needs`"
        if task.when is not None:
            yield from seen.condition((*here, "when"), task.when, variables)
        yield from WorkCheck(seen, self.known).issues(here, task, variables)
        if task.compensate:
            undoing = WorkCheck(replace(seen, visible=needs | {task.id}), self.known)
            yield from undoing.issues((*here, "compensate"), task.compensate, variables)
        if task.human_ is None:
            return
        for key in _FOR_MACHINES:
            if key in task.model_fields_set:
                yield (*here, key), "is for machines; people have `due`, `remind` and `expire`"
        yield from self._human((*here, "human"), task, task.human_)
        for index, each in enumerate(task.human_.notify):
            place: Path = (*here, "human", "notify", index)
            yield from _unheard(place, each)
            telling = WorkCheck(seen, self.known)
            yield from telling.issues(place, each, variables | NOTICE_VARIABLES)

    def _human(self, here: Path, task: TaskTemplate, human: HumanTask) -> Issues:
        others = [other.id for other in self.rule.tasks if other.human_ and other is not task]
        for index, name in enumerate(human.not_same_as):
            if name not in others:
                hint = did_you_mean(name, others) or "there is none"
                yield (
                    (*here, "not_same_as", index),
                    f"{name} is no other human task of this rule ({hint})",
                )
        calendars: Mapping[str, object] | None = self.known.calendars if self.known else None
        for place, deadline in _deadlines(human):
            name_of = deadline.calendar
            if name_of is not None and calendars is not None and name_of not in calendars:
                hint = did_you_mean(name_of, calendars) or "there is none"
                yield (*here, *place, "calendar"), f"no calendar {name_of} ({hint})"


def _unheard(here: Path, notification: Notification) -> Issues:
    """Nobody waits for a notification."""
    if notification.activity_ or notification.workflow_:
        yield (
            (*here, notification.kind),
            "notifications are work of our own workers: http, python, sql, emit or mail",
        )
    if notification.http_ and notification.http_.callback:
        yield (*here, "http", "callback"), "nobody waits for a notification"


def _deadlines(human: HumanTask) -> Iterator[tuple[Path, Deadline]]:
    if human.due:
        yield ("due",), human.due
    if human.follow_up:
        yield ("follow_up",), human.follow_up
    for index, deadline in enumerate(human.remind):
        yield ("remind", index), deadline
    for key in ("reassign", "escalate"):
        for index, step in enumerate(getattr(human, key)):
            yield (key, index, "after"), step.after
    if human.expire:
        yield ("expire", "after"), human.expire.after
