"""Calendars: which minutes of a wall clock are meant, in fields that must all match.

In: a `CronExpression`. Out: `CalendarSpec`s, which `schedule` computes slots from and the adapter
hands to Temporal, whose structured calendars mean the same. No time zones here.

Vixie's rule for days: when day-of-month and day-of-week are both restricted, either is enough;
a field that starts with `*` is unrestricted, even `*/2`. Two calendars say such an OR.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from activity_core.core.definition.cron import CronExpression

_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_LONG_RUN = 3


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """`start`, `start + step`, … up to `end` inclusive."""

    start: int
    end: int
    step: int = 1

    def values(self) -> range:
        """The numbers of it."""
        return range(self.start, self.end + 1, self.step)


@dataclass(frozen=True, slots=True, order=True)
class CalendarSpec:
    """Wall-clock minutes at which all fields match; Temporal's structured calendar.

    Without `year` every year matches.
    """

    minute: tuple[Range, ...]
    hour: tuple[Range, ...]
    day_of_month: tuple[Range, ...]
    month: tuple[Range, ...]
    day_of_week: tuple[Range, ...]
    year: tuple[Range, ...] = ()


def calendars(cron: CronExpression) -> tuple[CalendarSpec, ...]:
    """Calendars that together match exactly what the expression says.

    Two of them may match the same minute, which then is one slot.

    Raises:
        ValueError: no date ever matches (30 February).
    """
    every_day, every_weekday = frozenset(range(1, 32)), frozenset(range(7))
    either = cron.restricts_day_of_month and cron.restricts_day_of_week
    allowed = every_day if either else cron.days_of_month
    alternatives = [(cron.days_of_month, every_weekday)] if either else []
    if cron.days_of_week:
        alternatives.append((allowed, cron.days_of_week))
    for weekday, week in sorted(cron.nth_weekdays):
        days = allowed.intersection(range(7 * week - 6, 7 * week + 1))
        alternatives.append((days, frozenset({weekday})))
    found = tuple(
        CalendarSpec(
            minute=ranges(cron.minutes),
            hour=ranges(cron.hours),
            day_of_month=ranges(days),
            month=ranges(cron.months),
            day_of_week=ranges(weekdays),
        )
        for days, weekdays in alternatives
        if _happens(days, cron.months)
    )
    if not found:
        raise ValueError("day-of-month and month: there is no such date in any year")
    return found


def _happens(days: Collection[int], months: Collection[int]) -> bool:
    # Every date, 29 February too, falls on every weekday within 400 years.
    return any(day <= _LONGEST_MONTHS[month - 1] for day, month in product(days, months))


@lru_cache(maxsize=1_024)
def numbers(ranges: tuple[Range, ...]) -> tuple[int, ...]:
    """All numbers of the ranges, ascending."""
    return tuple(sorted({number for part in ranges for number in part.values()}))


def ranges(wanted: Iterable[int]) -> tuple[Range, ...]:
    """The fewest steps a reader would write: `0,15,30,45` becomes one range."""
    rest = sorted(wanted)
    found = []
    while rest:
        step = rest[1] - rest[0] if len(rest) > 1 else 1
        length = 1
        while length < len(rest) and rest[length] == rest[0] + length * step:
            length += 1
        if length < _LONG_RUN and step > 1:
            length, step = 1, 1
        found.append(Range(rest[0], rest[length - 1], step))
        rest = rest[length:]
    return tuple(found)
