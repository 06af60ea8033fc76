"""The chain of a human task: what happens to it when nobody does it in time.

In: the task as it is stored, its template, the calendars, and the time. Out: the states that follow
one after another, each with its line of the log and what is announced of it. Reminders that were
missed (an outage) become one; every hand-over, and the end, is taken in its turn.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.human_task import HumanTask
from activity_core.core.human.clock import ChainStep, chain_of
from activity_core.core.human.log import TIME, Action, LogEntry
from activity_core.core.jsontext import JsonValue
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.announcing import task_ended, task_told
from activity_core.core.run.task import TaskInstance, TaskResult, TaskStatus

_WAITS = frozenset({TaskStatus.READY, TaskStatus.CLAIMED})


@dataclass(frozen=True, slots=True)
class Taken:
    """One step that time took: the task as it is then, and what is said about it."""

    task: TaskInstance
    entry: LogEntry
    announcement: Announcement


@dataclass(frozen=True, slots=True)
class Moment:
    """When and where time looks at a task."""

    now: datetime
    deployment: str


def step(
    human: HumanTask, task: TaskInstance, calendars: Mapping[str, Calendar], moment: Moment
) -> list[Taken]:
    """What is due, in its order; nothing for a task whose time has not come, or which is over.

    What the task was woken for is taken even if a calendar, changed since, puts it later.
    """
    wake_at, ready_at = task.clock.wake_at, task.ready_at
    if task.status not in _WAITS or not ready_at or not wake_at or wake_at > moment.now:
        return []
    left = chain_of(human, ready_at, calendars, task.clock.step)
    due = [each for each in left if each.at <= moment.now] or left[:1]
    end = next((n for n, each in enumerate(due, 1) if each.action is Action.EXPIRED), len(due))
    taken: list[Taken] = []
    for each, passed, next_ in _merged(due[:end], left):
        clock = replace(task.clock, step=task.clock.step + passed, wake_at=next_)
        task = replace(task, clock=clock, revision=task.revision + 1)
        taken.append(_take(human, each, task, moment))
        task = taken[-1].task
    return taken


def _merged(
    due: Sequence[ChainStep], left: Sequence[ChainStep]
) -> Iterator[tuple[ChainStep, int, datetime | None]]:
    """The steps to take: each with how many that makes, and when the next of all is."""
    last = max((at for at, each in enumerate(due) if each.action is Action.REMINDED), default=-1)
    passed = 0
    for at, each in enumerate(due):
        passed += 1
        if each.action is not Action.REMINDED or at == last:
            yield each, passed, left[at + 1].at if at + 1 < len(left) else None
            passed = 0


def _take(human: HumanTask, each: ChainStep, task: TaskInstance, moment: Moment) -> Taken:
    data: dict[str, JsonValue] = {}
    match each.action:
        case Action.EXPIRED:
            return _expired(human, task, moment)
        case Action.REASSIGNED | Action.ESCALATED:
            task = _handed_over(task, each)
            data = {"assignee": task.assignee, "groups": list(task.groups)}
    entry = LogEntry(each.action, moment.now, TIME, data=data)
    told = task_told(
        task,
        each.action,
        deployment=moment.deployment,
        at=moment.now,
        attempt=task.run_attempt,
    )
    return Taken(task, entry, told)


def _handed_over(task: TaskInstance, each: ChainStep) -> TaskInstance:
    """For somebody else, and nobody has it. Those groups that had it before an escalation stay."""
    is_escalation = each.action is Action.ESCALATED
    rendered: Any = task.inputs["escalate" if is_escalation else "reassign"]
    to = rendered[each.index]
    stay = task.groups if is_escalation else ()
    return replace(
        task,
        status=TaskStatus.READY,
        claimed_by=None,
        assignee=to["user"] or None,
        groups=tuple(dict.fromkeys([*stay, *to["groups"]])),
    )


def _expired(human: HumanTask, task: TaskInstance, moment: Moment) -> Taken:
    outcome = human.expire and human.expire.outcome
    result = TaskResult(TaskStatus.EXPIRED, outcome or Action.EXPIRED)
    ended = task_ended(
        task, result, deployment=moment.deployment, at=moment.now, attempt=task.run_attempt
    )
    task = replace(
        task, status=result.status, result=result, clock=replace(task.clock, wake_at=None)
    )
    entry = LogEntry(
        Action.EXPIRED, moment.now, TIME, data={"outcome": result.outcome, "outputs": None}
    )
    return Taken(task, entry, ended)
