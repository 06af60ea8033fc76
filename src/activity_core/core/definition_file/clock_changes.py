"""Clock changes: which slots of a trigger fall where clocks leap forward or back.

In: a slot trigger and what it compiles to. Out: advice, which tells what its `dst` policy does
there, for the next two years.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from activity_core.core.definition.cron import parse_cron
from activity_core.core.definition.slot_trigger import (
    CalendarTriggerConfig,
    CronTriggerConfig,
    DstConfig,
    FoldPolicy,
    GapPolicy,
    SlotTrigger,
)
from activity_core.core.definition.wall_calendar import calendars
from activity_core.core.expression.template import Path
from activity_core.core.schedule.slots import slots_between
from activity_core.core.schedule.spec import ScheduleSpec, SlotSource

FORESIGHT = timedelta(days=2 * 365)

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_FOLDS = {
    FoldPolicy.FIRST: "the first counts",
    FoldPolicy.SECOND: "the second counts",
    FoldPolicy.BOTH: "both count",
}


@dataclass(frozen=True, slots=True)
class Change:
    """Wall times without zone, from `first` on and before `end`, that do not exist, or twice."""

    at: datetime
    first: datetime
    end: datetime
    is_gap: bool


def clock_changes(
    here: Path, trigger: SlotTrigger, source: SlotSource, now: datetime
) -> Iterator[tuple[Path, str]]:
    """Warn of the first gap and the first fold with slots, for each expression."""
    after, until = source.valid_part(now, now + FORESIGHT)
    changes = [part for part in _changes(source.timezone, now) if after < part.at <= until]
    for place, clock in _clocks(here, trigger, source) if changes else ():
        for is_gap in (True, False):
            hit = [
                (change, walls)
                for change in changes
                if change.is_gap is is_gap and (walls := _walls(clock, change))
            ]
            if hit:
                others = ", ".join(f"{walls[0]:%Y-%m-%d}" for _, walls in hit[1:])
                yield place, _told(source, *hit[0], others)


def _clocks(
    here: Path, trigger: SlotTrigger, source: SlotSource
) -> Iterator[tuple[Path, SlotSource]]:
    """What is asked of the wall clock, each part at its place."""
    match trigger:
        case CalendarTriggerConfig():
            yield (*here, "at"), source
        case CronTriggerConfig():
            for number, text in enumerate(trigger.all_expressions):
                key: Path = ("expression",) if trigger.expression else ("expressions", number)
                yield (*here, *key), replace(source, calendars=calendars(parse_cron(text)))


def _walls(clock: SlotSource, change: Change) -> list[datetime]:
    """The wall times that are asked for there; in UTC, where none is missing or twice."""
    even = replace(clock, timezone="UTC", dst=DstConfig(), starts=None, ends=None)
    instant = datetime.resolution
    slots = slots_between(
        ScheduleSpec((even,)),
        change.first.replace(tzinfo=UTC) - instant,
        change.end.replace(tzinfo=UTC) - instant,
    )
    return [slot.at for slot in slots if not slot.excluded]


def _told(source: SlotSource, change: Change, walls: Sequence[datetime], others: str) -> str:
    times = f"{walls[0]:%H:%M}"
    if len(walls) > 1:
        times += f" to {walls[-1]:%H:%M} ({len(walls)} times)"
    also = f"; also on {others}" if others else ""
    clocks, day = f"clocks in {source.timezone}", f"{walls[0]:%Y-%m-%d}"
    gap, fold = source.dst.gap, source.dst.fold
    if not change.is_gap:
        return f"{clocks} show {times} twice on {day}: {_FOLDS[fold]} (`dst.fold: {fold}`){also}"
    end = f"{change.at.astimezone(ZoneInfo(source.timezone)):%H:%M}"
    becomes = "no slot then" if gap is GapPolicy.SKIP else f"the slot is at {end}"
    return f"{clocks} skip {times} on {day}: {becomes} (`dst.gap: {gap}`){also}"


@lru_cache(maxsize=64)
def _changes(timezone: str, now: datetime) -> tuple[Change, ...]:
    zone = ZoneInfo(timezone)
    days = (now + number * _DAY for number in range(FORESIGHT // _DAY))
    return tuple(
        _change(day, zone) for day in days if _offset(day, zone) != _offset(day + _DAY, zone)
    )


def _change(start: datetime, zone: ZoneInfo) -> Change:
    """The change within the day after `start`."""
    before, after = _offset(start, zone), _offset(start + _DAY, zone)
    low, high = start, start + _DAY
    while high - low > _SECOND:
        middle = low + (high - low) / 2
        low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
    at = high.astimezone(UTC).replace(microsecond=0)
    wall = at.replace(tzinfo=None)
    return Change(at, wall + min(before, after), wall + max(before, after), before < after)


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()
