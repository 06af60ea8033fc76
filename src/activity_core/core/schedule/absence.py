"""Absence: why a schedule has no slot at an instant, for people who expected one.

In: a schedule and an instant at which it has no slot. Out: a sentence, and the slots around it.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from activity_core.core.definition.slot_trigger import DstConfig, FoldPolicy
from activity_core.core.expression.condition import rfc3339
from activity_core.core.schedule.slots import Slot, next_slot, slots_between, wall_times
from activity_core.core.schedule.spec import ScheduleSpec, SlotSource

_LOOKS_BACK = [
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
    timedelta(days=35),
    timedelta(days=3_000),
]
_DAY = timedelta(days=1)


def slot_at(spec: ScheduleSpec, at: datetime) -> Slot | None:
    """The slot at an instant, if there is one."""
    return next(slots_between(spec, at - datetime.resolution, at), None)


def neighbours(spec: ScheduleSpec, at: datetime) -> tuple[Slot | None, Slot | None]:
    """The last slot before an instant (None: not within 3,000 days) and the first one after it."""
    for span in _LOOKS_BACK:
        if last := deque(slots_between(spec, at - span, at - datetime.resolution), maxlen=1):
            return last[0], next_slot(spec, at)
    return None, next_slot(spec, at)


def why_absent(spec: ScheduleSpec, at: datetime) -> str:
    """Why there is no slot at `at`: validity, the clock's changes, or it was never asked for."""
    for source in spec.sources:
        if _has(replace(source, starts=None, ends=None), at):
            bounds = [("from", source.starts), ("until", source.ends)]
            told = " ".join(f"{word} {rfc3339(bound)}" for word, bound in bounds if bound)
            return f"outside_validity: the schedule counts {told}"
        both = replace(source, dst=DstConfig(gap=source.dst.gap, fold=FoldPolicy.BOTH))
        if _has(both, at):
            return (
                f"{at.astimezone(ZoneInfo(source.timezone)):%H:%M} comes twice, as clocks in "
                f"{source.timezone} go back, and `dst.fold` is `{source.dst.fold}`"
            )
        for wall in _skipped(source, at):
            return (
                f"{wall:%Y-%m-%d %H:%M} does not exist, as clocks in {source.timezone} go "
                f"forward, and `dst.gap` is `{source.dst.gap}`"
            )
    return "the schedule has no slot at that instant"


def _has(source: SlotSource, at: datetime) -> bool:
    return slot_at(ScheduleSpec((source,)), at) is not None


def _skipped(source: SlotSource, at: datetime) -> Iterator[datetime]:
    """Wall times that the trigger asks for and that would be at `at`, did clocks not change."""
    zone = ZoneInfo(source.timezone)
    for walls in wall_times(source, at - _DAY, at + _DAY):
        for wall in walls:
            instant = wall.replace(tzinfo=zone).astimezone(UTC)
            if instant == at and instant.astimezone(zone).replace(tzinfo=None) != wall:
                yield wall
            if instant > at + _DAY:
                break


def instant_of(text: str, timezone: str) -> datetime:
    """What somebody wrote, in UTC; without an offset it is the wall time of the zone.

    Raises:
        ValueError: no such time.
    """
    found = datetime.fromisoformat(text)
    zoned = found if found.tzinfo else found.replace(tzinfo=ZoneInfo(timezone))
    try:
        return zoned.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(text) from error
