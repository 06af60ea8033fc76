"""Lifetime: whether a slot trigger ever leads to a run, and whether it still does.

In: a slot trigger and what it compiles to. Out: advice. Days without runs are leapt over whole, so
that a trigger of every second is judged as fast as one of every year.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from activity_core.core.definition.slot_trigger import CalendarTriggerConfig, SlotTrigger
from activity_core.core.expression.condition import rfc3339
from activity_core.core.expression.template import Path
from activity_core.core.schedule.slots import next_slot, slots_between
from activity_core.core.schedule.spec import ScheduleSpec, SlotSource

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = datetime.resolution
_LONGEST_PAUSE = timedelta(days=365 * 50)
"""Some 29ths of February that fall on a Monday are 40 years apart."""


def never_fires(here: Path, trigger: SlotTrigger, source: SlotSource) -> Iterator[tuple[Path, str]]:
    """Refuse what has no slot at all, not even in the past."""
    if _first_firing(source, _EPOCH) is not None:
        return
    if next_slot(ScheduleSpec((source,)), _EPOCH) is not None:
        yield (*here, "exclude"), "it never fires: all its slots are on excluded days"
    elif trigger.from_ or trigger.until:
        bound = "until" if trigger.until else "from"
        yield (*here, bound), "it never fires: no slot is within `from` and `until`"
    else:
        yield here, "it never fires: clocks leap over all its times"


def ended(
    here: Path, trigger: SlotTrigger, source: SlotSource, now: datetime
) -> Iterator[tuple[Path, str]]:
    """Warn of what fired once and never will again: files outlive what they say."""
    if _first_firing(source, now) is not None:
        return
    last = _last_firing(source, now)
    if last is not None:
        key = "until" if trigger.until or not isinstance(trigger, CalendarTriggerConfig) else "days"
        yield (*here, key), f"it is over: the last slot was {rfc3339(last)}"


def _first_firing(source: SlotSource, after: datetime) -> datetime | None:
    spec = ScheduleSpec((source,))
    slot = next_slot(spec, after)
    while slot is not None and slot.excluded:
        slot = next_slot(spec, max(slot.at, _of_its_day(slot.at, source, time.max)))
    return slot.at if slot else None


def _last_firing(source: SlotSource, until: datetime) -> datetime | None:
    spec, span = ScheduleSpec((source,)), timedelta(minutes=1)
    until = min(until, source.ends or until)
    while span < _LONGEST_PAUSE:
        slot = None
        for slot in slots_between(spec, until - span, until):  # noqa: B007 - the last one counts
            pass
        if slot is None:
            span *= 30
        elif slot.excluded:
            until = min(slot.at, _of_its_day(slot.at, source, time.min)) - _INSTANT
        else:
            return slot.at
    return None


def _of_its_day(at: datetime, source: SlotSource, wall: time) -> datetime:
    zone = ZoneInfo(source.timezone)
    fold = int(wall == time.max)
    return datetime.combine(at.astimezone(zone).date(), wall.replace(fold=fold), zone).astimezone(
        UTC
    )
