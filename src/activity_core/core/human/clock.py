"""The clock of a human task: when it is due, and when something happens if nobody does it."""

from collections.abc import Mapping
from datetime import datetime

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.human_task import Deadline, HumanTask
from activity_core.core.run.task import TaskClock


def clock_of(
    human: HumanTask, ready_at: datetime, calendars: Mapping[str, Calendar] | None = None
) -> TaskClock:
    """The clock of a task that can be done from `ready_at` on."""
    del calendars
    return TaskClock(due_at=_instant(human.due, ready_at))


def _instant(deadline: Deadline | None, start: datetime) -> datetime | None:
    return start + deadline.after if deadline and deadline.after is not None else None
