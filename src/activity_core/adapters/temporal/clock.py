"""Clocks in Temporal's words and back, so that what a schedule follows can be compared.

Out: a `ClockSpec` → the spec of a Temporal Schedule. In: the spec that Temporal lists, which it has
normalised → the `ClockSpec` that it means, if any of ours can mean it.
"""

from collections.abc import Sequence
from dataclasses import replace

from temporalio.client import ScheduleCalendarSpec, ScheduleIntervalSpec, ScheduleRange
from temporalio.client import ScheduleSpec as TemporalSpec

from activity_core.core.definition.wall_calendar import CalendarSpec, Range
from activity_core.core.schedule.clock import ClockSpec
from activity_core.core.schedule.spec import IntervalSpec

LISTED = 10
"""So many calendars, and so many intervals, of a schedule does Temporal's list show."""

_ON_THE_MINUTE = (Range(0, 0),)


def temporal_spec(clock: ClockSpec) -> TemporalSpec:
    """The same instants in Temporal's words."""
    return TemporalSpec(
        calendars=[_calendar(calendar) for calendar in clock.calendars],
        intervals=[ScheduleIntervalSpec(part.every, part.offset) for part in clock.intervals],
        time_zone_name=clock.timezone,
        start_at=clock.starts,
        end_at=clock.ends,
    )


def clock_of_listed(spec: TemporalSpec) -> ClockSpec | None:
    """The clock that a listed spec means; None if `temporal_spec` never says it like that."""
    on_the_minute = all(_ranges(part.second) == _ON_THE_MINUTE for part in spec.calendars)
    if spec.cron_expressions or spec.skip or spec.jitter or not on_the_minute:
        return None
    return ClockSpec(
        calendars=tuple(
            CalendarSpec(
                minute=_ranges(part.minute),
                hour=_ranges(part.hour),
                day_of_month=_ranges(part.day_of_month),
                month=_ranges(part.month),
                day_of_week=_ranges(part.day_of_week),
                year=_ranges(part.year),
            )
            for part in spec.calendars
        ),
        intervals=tuple(
            IntervalSpec(part.every, part.offset) if part.offset else IntervalSpec(part.every)
            for part in spec.intervals
        ),
        timezone=spec.time_zone_name or "UTC",
        starts=spec.start_at,
        ends=spec.end_at,
    )


def as_listed(clock: ClockSpec) -> ClockSpec:
    """What is left of a clock in Temporal's list."""
    return replace(clock, calendars=clock.calendars[:LISTED], intervals=clock.intervals[:LISTED])


def _calendar(calendar: CalendarSpec) -> ScheduleCalendarSpec:
    return ScheduleCalendarSpec(
        minute=_temporal_ranges(calendar.minute),
        hour=_temporal_ranges(calendar.hour),
        day_of_month=_temporal_ranges(calendar.day_of_month),
        month=_temporal_ranges(calendar.month),
        day_of_week=_temporal_ranges(calendar.day_of_week),
        year=_temporal_ranges(calendar.year),
    )


def _temporal_ranges(ranges: Sequence[Range]) -> list[ScheduleRange]:
    return [ScheduleRange(part.start, part.end, part.step) for part in ranges]


def _ranges(ranges: Sequence[ScheduleRange]) -> tuple[Range, ...]:
    return tuple(Range(part.start, max(part.start, part.end), max(1, part.step)) for part in ranges)
