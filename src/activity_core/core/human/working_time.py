"""Working time: when a deadline of a human task is, in hours that pass or in days people work.

In: a deadline, and when the task could be done. Out: an instant (UTC), never before that. Working
days are Monday to Friday, without those of the calendar; what clocks do there is `wall_time`'s.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.human_task import Deadline
from activity_core.core.schedule.wall_time import read

_DAY = timedelta(days=1)
_SATURDAY = 5


def instant_of(deadline: Deadline, start: datetime, calendars: Mapping[str, Calendar]) -> datetime:
    """When the deadline is.

    Args:
        deadline: so much later, or so many working days after the day of `start`. None of them is
            that very day; if it is free, or its time of day is over, the next working day.
        start: when the task could be done (UTC).
        calendars: by id; one that is not there has no days.
    """
    if deadline.after is not None:
        return start + deadline.after
    calendar = calendars.get(deadline.calendar or "")
    free = calendar.names.keys() if calendar else frozenset[date]()
    zone = ZoneInfo(deadline.timezone)
    here = start.astimezone(zone)
    day = _later(here.date(), deadline.business_days or 0, free)
    at = deadline.at or here.time()
    while (found := read(datetime.combine(day, at), zone).at) < start:
        if deadline.at is None and day == here.date():
            return start.astimezone(UTC)  # clocks show this time twice, and it is the second
        day = _working(day + _DAY, free)
    return found


def _later(day: date, number: int, free: AbstractSet[date]) -> date:
    """The working day that comes `number` working days after a day; with 0 itself, if it is one."""
    for _ in range(number):
        day = _working(day + _DAY, free)
    return _working(day, free)


def _working(day: date, free: AbstractSet[date]) -> date:
    """The first working day from this one on."""
    while day.weekday() >= _SATURDAY or day in free:
        day += _DAY
    return day
