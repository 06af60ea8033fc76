"""Wall times: which minutes of a wall clock are meant, and at which instants it shows them.

In: calendars or days, and a time zone. Out: wall times (without zone), and their instants with what
the clock does there. Policies are none of its business, see `slots`.
"""

from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum, auto
from typing import NamedTuple
from zoneinfo import ZoneInfo

from activity_core.core.definition.wall_calendar import CalendarSpec, numbers

NEAR = timedelta(hours=4)
"""Nearer than this to a change of the clock, a wall time is not `Kind.PLAIN`. Clocks have been
changed by up to three hours since 2000 (Casey station), one day long leaps apart."""

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


class Kind(Enum):
    """What the clock does at a wall time."""

    PLAIN = auto()
    NEAR_CHANGE = auto()
    IN_GAP = auto()
    IN_FOLD = auto()


class Reading(NamedTuple):
    """An instant (UTC) of a wall time; for one in a gap, the first instant after the gap."""

    at: datetime
    kind: Kind


def read(wall: datetime, zone: ZoneInfo, fold: int = 0) -> Reading:
    """When clocks in the zone show `wall` for the first time, or with `fold` 1 for the last."""
    before = _offset(wall - NEAR, zone)
    if before == _offset((wall + NEAR).replace(fold=1), zone):
        return Reading((wall - before).replace(tzinfo=UTC), Kind.PLAIN)
    first, last = _offset(wall, zone), _offset(wall.replace(fold=1), zone)
    if first < last:
        return Reading(_change(wall - last, wall - first, zone), Kind.IN_GAP)
    kind = Kind.NEAR_CHANGE if first == last else Kind.IN_FOLD
    return Reading((wall - (last if fold else first)).replace(tzinfo=UTC), kind)


def first_wall_time(after: datetime, zone: ZoneInfo) -> datetime:
    """No later than any wall time that has an instant later than `after` (UTC).

    Mostly what the clock shows then; where clocks go back within a day, as much earlier.
    """
    soon = [after, after + _DAY]
    return after.replace(tzinfo=None) + min(_offset_at(instant, zone) for instant in soon)


def of_calendar(calendar: CalendarSpec, start: datetime, end: date) -> Iterator[datetime]:
    """The wall times that it matches, ascending, from the hour of `start` to the day `end`."""
    hours, minutes = numbers(calendar.hour), numbers(calendar.minute)
    for year, month, day in _days(calendar, start.date(), end):
        first_hour = start.hour if (year, month, day) == (start.year, start.month, start.day) else 0
        for hour in hours[bisect_left(hours, first_hour) :]:
            for minute in minutes:
                yield datetime(year, month, day, hour, minute)  # noqa: DTZ001 - a wall time


def _days(calendar: CalendarSpec, start: date, end: date) -> Iterator[tuple[int, int, int]]:
    days, weekdays = numbers(calendar.day_of_month), set(numbers(calendar.day_of_week))
    first = (start.year, start.month, start.day)
    years = numbers(calendar.year) or range(start.year, end.year + 1)
    for year in years[bisect_left(years, start.year) :]:
        for month in numbers(calendar.month):
            if (year, month) < first[:2]:
                continue
            if (year, month) > (end.year, end.month):
                return
            before_first, length = monthrange(year, month)  # Monday is 0 here, Sunday 0 in cron
            for day in days:
                if day > length:
                    break
                if (before_first + day) % 7 in weekdays and (year, month, day) >= first:
                    yield year, month, day


def of_days(
    days: Sequence[date], times: Sequence[time], start: datetime, end: date
) -> Iterator[datetime]:
    """The times of those of the days that lie from the day of `start` to `end`, ascending."""
    for day in days[bisect_left(days, start.date()) :]:
        if day > end:
            return
        for wall in times:
            yield datetime.combine(day, wall)


def _offset(wall: datetime, zone: ZoneInfo) -> timedelta:
    return zone.utcoffset(wall) or timedelta()


def _offset_at(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first instant of (before, after] at which another offset from UTC is in force."""
    start = before.replace(tzinfo=UTC)
    old = _offset_at(start, zone)
    seconds = range(1, (after - before) // _SECOND + 1)
    changed = bisect_left(seconds, 1, key=lambda n: _offset_at(start + n * _SECOND, zone) != old)
    return start + seconds[changed] * _SECOND
