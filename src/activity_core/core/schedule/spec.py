"""The schedule of a definition: all its slot triggers, compiled.

In: a definition and the calendars that it names. Out: a `ScheduleSpec`, from which `slots`
computes instants and `clock` what Temporal is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.cron import parse_cron
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.slot_trigger import (
    CalendarTriggerConfig,
    CronTriggerConfig,
    DstConfig,
    IntervalTriggerConfig,
    SlotTrigger,
)
from activity_core.core.definition.wall_calendar import CalendarSpec, calendars
from activity_core.core.schedule.wall_time import read


@dataclass(frozen=True, slots=True)
class IntervalSpec:
    """Every `every`, counted from the epoch plus `offset`; whole seconds."""

    every: timedelta
    offset: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class SlotSource:
    """One trigger: where its slots come from, when it counts, and which days are left out.

    Attributes:
        calendars: wall-clock minutes of a cron trigger.
        days, times: wall-clock days and times of a calendar trigger, ascending.
        interval: of an interval trigger.
        starts, ends: first and last instant that count, both inclusive; UTC.
        excluded: days of the wall clock whose slots are skipped → why, for people.
    """

    calendars: tuple[CalendarSpec, ...] = ()
    days: tuple[date, ...] = ()
    times: tuple[time, ...] = ()
    interval: IntervalSpec | None = None
    timezone: str = "UTC"
    dst: DstConfig = field(default_factory=DstConfig)
    starts: datetime | None = None
    ends: datetime | None = None
    excluded: Mapping[date, str] = field(default_factory=dict)

    def valid_part(self, after: datetime, until: datetime) -> tuple[datetime, datetime]:
        """The part of (after, until] that counts; the same kind of stretch, perhaps empty."""
        if self.starts is not None:
            after = max(after, self.starts - datetime.resolution)
        return after, until if self.ends is None else min(until, self.ends)


@dataclass(frozen=True, slots=True)
class ScheduleSpec:
    """All slots of one definition: those of every source, each instant once."""

    sources: tuple[SlotSource, ...]
    jitter: timedelta = timedelta()

    @property
    def timezone(self) -> str:
        """The zone of its wall clock; they all have the same. UTC if there is none."""
        walls = (source for source in self.sources if source.interval is None)
        return next((source.timezone for source in walls), "UTC")


def schedule_of(
    definition: ActivityDefinition, known: Mapping[str, Calendar] | None = None
) -> ScheduleSpec | None:
    """The schedule that the definition asks for; None without a slot trigger.

    `known` are the calendars by id. One that is not there has no days: `apply` refuses such names,
    and a run must not be stopped by what is repaired by applying the calendar again.
    """
    triggers = definition.trigger.slot_triggers
    if not triggers:
        return None
    sources = tuple(_source(trigger, known or {}) for trigger in triggers)
    return ScheduleSpec(sources, max(trigger.jitter for trigger in triggers))


def calendars_named(definition: ActivityDefinition) -> frozenset[str]:
    """Ids of the calendars that its triggers name."""
    named: set[str] = set()
    for trigger in definition.trigger.slot_triggers:
        named.update(name for name in trigger.exclude if isinstance(name, str))
        if isinstance(trigger, CalendarTriggerConfig):
            named.update(name for name in trigger.days if isinstance(name, str))
    return frozenset(named)


def _source(trigger: SlotTrigger, known: Mapping[str, Calendar]) -> SlotSource:
    timezone, dst = "UTC", DstConfig()
    if isinstance(trigger, CronTriggerConfig | CalendarTriggerConfig):
        timezone, dst = trigger.timezone, trigger.dst
    zone = ZoneInfo(timezone)
    cron: tuple[CalendarSpec, ...] = ()
    days: tuple[date, ...] = ()
    times: tuple[time, ...] = ()
    interval = None
    match trigger:
        case CronTriggerConfig():
            found = (c for text in trigger.all_expressions for c in calendars(parse_cron(text)))
            cron = tuple(dict.fromkeys(found))
        case CalendarTriggerConfig():
            days = tuple(sorted(_days(trigger.days, known)))
            times = tuple(sorted(set(trigger.at)))
        case IntervalTriggerConfig():
            interval = IntervalSpec(trigger.every, trigger.offset)
    return SlotSource(
        cron,
        days,
        times,
        interval,
        timezone,
        dst,
        starts=_starts(trigger.from_, zone),
        ends=_ends(trigger.until, zone),
        excluded=_days(trigger.exclude, known),
    )


def _days(listed: tuple[date | str, ...], known: Mapping[str, Calendar]) -> dict[date, str]:
    """The days, each with the reason why it is among them."""
    found: dict[date, str] = {}
    for item in listed:
        if isinstance(item, date):
            found.setdefault(item, f"{item}")
        elif item in known:
            for day, name in known[item].names.items():
                found.setdefault(day, f"{name or day} in calendar {item}")
    return found


def _starts(bound: date | None, zone: ZoneInfo) -> datetime | None:
    if bound is None or isinstance(bound, datetime):
        return bound and bound.astimezone(UTC)
    return read(datetime.combine(bound, time.min), zone).at


def _ends(bound: date | None, zone: ZoneInfo) -> datetime | None:
    if bound is None or isinstance(bound, datetime):
        return bound and bound.astimezone(UTC)
    # A day ends when the next begins for good: in a fold at midnight, its last hour comes twice.
    midnight = datetime.combine(bound + timedelta(days=1), time.min)
    return read(midnight, zone, fold=1).at - datetime.resolution
