"""Schedules: which instants a definition's cron and interval triggers mean.

In: a definition. Out: a `ScheduleSpec`, which the adapter makes one Temporal Schedule of, and from
which `next_slots` computes the same nominal instants without Temporal.

Nominal: no jitter, no pauses, no misfire policy. When clocks go forward, a wall time that is
skipped has no slot, as in Temporal. When they go back, a wall time that occurs twice has its slot
at the first occurrence. Temporal's own answer there follows no rule (west of Greenwich both
occurrences, east of it mostly the second, depending on the slot before), so it is no model.
"""

from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from heapq import merge
from itertools import groupby, islice
from zoneinfo import ZoneInfo

from activity_core.core.definition.cron import parse_cron
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.duration import format_duration
from activity_core.core.definition.wall_calendar import CalendarSpec, Range, calendars
from activity_core.core.jsontext import canonical_json

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_LAST_YEAR = 2_100  # where Temporal's calendars end


@dataclass(frozen=True, slots=True)
class IntervalSpec:
    """Every `every`, counted from the epoch plus `offset`; whole seconds."""

    every: timedelta
    offset: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class ScheduleSpec:
    """All slots of one definition: those of every calendar (in `timezone`) and of the interval."""

    calendars: tuple[CalendarSpec, ...] = ()
    interval: IntervalSpec | None = None
    timezone: str = "UTC"
    jitter: timedelta = timedelta()

    @property
    def fingerprint(self) -> str:
        """32 hex characters that are equal for equal specs, in every process and release."""
        document = asdict(self) | {
            "interval": self.interval
            and [format_duration(self.interval.every), format_duration(self.interval.offset)],
            "jitter": format_duration(self.jitter),
        }
        return sha256(canonical_json(document)).hexdigest()[:32]


def schedule_of(definition: ActivityDefinition) -> ScheduleSpec | None:
    """The schedule that the definition asks for; None without a cron or interval trigger."""
    cron, interval = definition.trigger.cron, definition.trigger.interval
    if cron is None and interval is None:
        return None
    found = (
        [c for text in cron.all_expressions for c in calendars(parse_cron(text))] if cron else []
    )
    return ScheduleSpec(
        calendars=tuple(dict.fromkeys(found)),
        interval=IntervalSpec(interval.every, interval.offset) if interval else None,
        timezone=cron.timezone if cron else "UTC",
        jitter=max(part.jitter for part in (cron, interval) if part),
    )


def next_slots(spec: ScheduleSpec, after: datetime, count: int) -> list[datetime]:
    """The first `count` slots later than `after`, in UTC, ascending, each once.

    Fewer than `count` only at the end of the calendar (the year 2100). `after` must be aware.
    """
    zone = ZoneInfo(spec.timezone)
    sources: list[Iterator[datetime]] = [
        _of_calendar(calendar, zone, after) for calendar in spec.calendars
    ]
    if spec.interval is not None:
        sources.append(_of_interval(spec.interval, after))
    return list(islice((slot for slot, _ in groupby(merge(*sources))), count))


def _of_interval(interval: IntervalSpec, after: datetime) -> Iterator[datetime]:
    passed = (after - _EPOCH - interval.offset) // interval.every
    slot = _EPOCH + interval.offset + (passed + 1) * interval.every
    while slot.year <= _LAST_YEAR:
        yield slot
        slot += interval.every


def _of_calendar(calendar: CalendarSpec, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    times = [
        time(hour, minute) for hour in _values(calendar.hour) for minute in _values(calendar.minute)
    ]
    # A day early: around a change of the clock, earlier wall times may be later instants.
    for day in _days(calendar, after.astimezone(zone).date() - _DAY):
        slots = (_instant(datetime.combine(day, wall), zone) for wall in times)
        yield from sorted(slot for slot in slots if slot is not None and slot > after)


def _days(calendar: CalendarSpec, first: date) -> Iterator[date]:
    days, weekdays = _values(calendar.day_of_month), set(_values(calendar.day_of_week))
    months = _values(calendar.month)
    for year in range(first.year, _LAST_YEAR + 1):
        for month in months:
            if (year, month) < (first.year, first.month):
                continue
            for day in days:
                if day <= monthrange(year, month)[1]:
                    found = date(year, month, day)
                    if found >= first and found.isoweekday() % 7 in weekdays:
                        yield found


def _instant(wall: datetime, zone: ZoneInfo) -> datetime | None:
    """The first instant at which clocks in `zone` show `wall`; None if they never do."""
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return instant if instant.astimezone(zone).replace(tzinfo=None) == wall else None


def _values(ranges: Iterable[Range]) -> list[int]:
    return sorted({value for part in ranges for value in part.values()})
