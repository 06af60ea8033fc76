"""The clock: what Temporal is told of a schedule, so that it ticks when slots are due.

In: a `ScheduleSpec`. Out: a `ClockSpec`. Ticks carry no meaning, so a clock may tick once too
often (on an excluded day); it need not tick at slots that only a DST policy adds, see `slots`.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from hashlib import sha256
from itertools import product
from typing import TypeVar

from activity_core.core.definition.duration import format_duration
from activity_core.core.definition.wall_calendar import CalendarSpec, Range, ranges
from activity_core.core.jsontext import JsonValue, canonical_json
from activity_core.core.schedule.spec import IntervalSpec, ScheduleSpec

_ANY_WEEKDAY = (Range(0, 6),)
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class ClockSpec:
    """Temporal's words: calendars in one time zone, intervals, first and last instant.

    Without calendars and intervals there is nothing to tick.
    """

    calendars: tuple[CalendarSpec, ...] = ()
    intervals: tuple[IntervalSpec, ...] = ()
    timezone: str = "UTC"
    starts: datetime | None = None
    ends: datetime | None = None

    @cached_property
    def fingerprint(self) -> str:
        """32 hex characters that are equal for equal clocks, in every process and release."""
        document: list[JsonValue] = [
            [[_numbers(field) for field in _fields(calendar)] for calendar in self.calendars],
            [[format_duration(i.every), format_duration(i.offset)] for i in self.intervals],
            self.timezone,
            *(bound.isoformat() if bound else None for bound in (self.starts, self.ends)),
        ]
        return sha256(canonical_json(document)).hexdigest()[:32]


def clock_of(spec: ScheduleSpec) -> ClockSpec:
    """The clock that ticks at every slot of the schedule that no DST policy adds."""
    calendars: set[CalendarSpec] = set()
    for source in spec.sources:
        calendars.update(source.calendars)
        calendars.update(_calendars(source.days, source.times))
    intervals = {source.interval for source in spec.sources if source.interval is not None}
    starts = [source.starts for source in spec.sources if source.starts is not None]
    ends = [source.ends for source in spec.sources if source.ends is not None]
    bounded = len(spec.sources)
    return ClockSpec(
        tuple(sorted(calendars)),
        tuple(sorted(intervals, key=lambda part: (part.every, part.offset))),
        spec.timezone,
        starts=min(starts) if starts and len(starts) == bounded else None,
        ends=max(ends) if ends and len(ends) == bounded else None,
    )


def _fields(calendar: CalendarSpec) -> tuple[tuple[Range, ...], ...]:
    days = (calendar.day_of_month, calendar.month, calendar.day_of_week, calendar.year)
    return (calendar.minute, calendar.hour, *days)


def _numbers(field: tuple[Range, ...]) -> JsonValue:
    return [[part.start, part.end, part.step] for part in field]


def _calendars(days: Iterable[date], times: Iterable[time]) -> Iterator[CalendarSpec]:
    """Exactly these days, each at all of these times; what looks alike becomes one calendar."""
    days_of = _grouped(((day.year, day.month), day.day) for day in days)
    months_of = _grouped(((year, in_month), month) for (year, month), in_month in days_of.items())
    years_of = _grouped(((in_month, in_year), y) for (y, in_month), in_year in months_of.items())
    minutes_of = _grouped((wall.hour, wall.minute) for wall in times)
    hours_of = _grouped((in_hour, hour) for hour, in_hour in minutes_of.items())
    for (of_days, years), (minutes, hours) in product(years_of.items(), hours_of.items()):
        in_month, in_year = of_days
        yield CalendarSpec(
            minute=ranges(minutes),
            hour=ranges(hours),
            day_of_month=ranges(in_month),
            month=ranges(in_year),
            day_of_week=_ANY_WEEKDAY,
            year=ranges(years),
        )


def _grouped(pairs: Iterable[tuple[K, int]]) -> dict[K, tuple[int, ...]]:
    found: defaultdict[K, set[int]] = defaultdict(set)
    for key, number in pairs:
        found[key].add(number)
    return {key: tuple(sorted(numbers)) for key, numbers in found.items()}
