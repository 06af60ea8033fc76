"""The clock of a human task: when it is due, and when something happens if nobody does it.

In: the task as its team wrote it, when it could be done, the calendars in force. Out: its chain,
reminders, hand-overs and expiry in order of time, and the clock that waits for the next of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.human_task import Deadline, HumanTask
from activity_core.core.human.log import Action
from activity_core.core.human.working_time import instant_of
from activity_core.core.run.task import TaskClock

_AT_ONCE = (Action.REMINDED, Action.REASSIGNED, Action.ESCALATED, Action.EXPIRED)
"""What comes first of what comes at the same instant."""


@dataclass(frozen=True, slots=True)
class ChainStep:
    """One thing that time does; `index` is its place in the definition, among its like."""

    at: datetime
    action: Action
    index: int = 0


def clock_of(human: HumanTask, ready_at: datetime, calendars: Mapping[str, Calendar]) -> TaskClock:
    """The clock of a task that can be done from `ready_at` on."""

    def instant(deadline: Deadline | None) -> datetime | None:
        return instant_of(deadline, ready_at, calendars) if deadline else None

    left = chain_of(human, ready_at, calendars)
    return TaskClock(instant(human.due), instant(human.follow_up), left[0].at if left else None)


def chain_of(
    human: HumanTask, ready_at: datetime, calendars: Mapping[str, Calendar], taken: int = 0
) -> list[ChainStep]:
    """What time still does to it after `taken` reminders and hand-overs, in order.

    Expiry is always left: whoever took it has ended the task. So a calendar that changes on the way
    may move a reminder across another, but the end still comes.
    """
    deadlines = {
        Action.REMINDED: human.remind,
        Action.REASSIGNED: [step.after for step in human.reassign],
        Action.ESCALATED: [step.after for step in human.escalate],
    }
    steps = [
        ChainStep(instant_of(deadline, ready_at, calendars), action, index)
        for action, all_ in deadlines.items()
        for index, deadline in enumerate(all_)
    ]
    left = sorted(steps, key=_turn)[taken:]
    if human.expire:
        end = instant_of(human.expire.after, ready_at, calendars)
        left.append(ChainStep(end, Action.EXPIRED))
    return sorted(left, key=_turn)


def _turn(step: ChainStep) -> tuple[datetime, int, int]:
    return step.at, _AT_ONCE.index(step.action), step.index
