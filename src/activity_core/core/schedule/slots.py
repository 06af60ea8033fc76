"""Slots: the instants that a schedule means, in UTC, each once.

In: a `ScheduleSpec`. Out: `Slot`s, lazily, in order. Nominal: without jitter, pauses or misfire
policy. Temporal is not asked: where clocks change, its own answers follow no rule.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import groupby, islice, pairwise
from operator import attrgetter
from zoneinfo import ZoneInfo

from activity_core.core.definition.slot_trigger import FoldPolicy, GapPolicy
from activity_core.core.schedule.spec import IntervalSpec, ScheduleSpec, SlotSource
from activity_core.core.schedule.wall_time import (
    Kind,
    first_wall_time,
    of_calendar,
    of_days,
    read,
)

END = datetime(2100, 12, 31, 23, 59, 59, tzinfo=UTC)
"""The last instant that may be a slot: Temporal's calendars end there."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FOLDS = {FoldPolicy.FIRST: (0,), FoldPolicy.SECOND: (1,), FoldPolicy.BOTH: (0, 1)}
_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class Slot:
    """An instant at which a definition is due.

    Attributes:
        at: UTC.
        excluded: why its day is left out, else empty.
        note: what the clock does there, for people; mostly empty.
        ticks: False so near to a change of the clock that Temporal's own matcher, which knows
            neither policy, cannot be relied on to tick at it.
    """

    at: datetime
    excluded: str = ""
    note: str = ""
    ticks: bool = True


def slots_between(spec: ScheduleSpec, after: datetime, until: datetime) -> Iterator[Slot]:
    """The slots in (after, until], ascending; both aware. None are later than `END`.

    An instant that several sources give is one slot, left out only if each of them leaves it out.
    """
    after, until = after.astimezone(UTC), min(until.astimezone(UTC), END)
    streams = [stream for source in spec.sources for stream in _streams(source, after, until)]
    at = attrgetter("at")
    for _, same in groupby(merge(*streams, key=at), key=at):
        yield _one(*same)


def next_slots(spec: ScheduleSpec, after: datetime, count: int) -> list[Slot]:
    """The first `count` slots later than `after`; fewer only where the schedule ends."""
    return list(islice(slots_between(spec, after, END), count))


def next_slot(spec: ScheduleSpec, after: datetime) -> Slot | None:
    """The first slot later than `after`; None when the schedule has ended."""
    return next(slots_between(spec, after, END), None)


def shortest_period(spec: ScheduleSpec, after: datetime) -> timedelta | None:
    """The shortest time between two of the next 50 slots; None if there are not two."""
    slots = next_slots(spec, after, _LOOKED_AT)
    return min((later.at - slot.at for slot, later in pairwise(slots)), default=None)


def wall_times(source: SlotSource, after: datetime, until: datetime) -> list[Iterator[datetime]]:
    """Ascending streams of what its clock shows, with all that has an instant in (after, until]."""
    start = first_wall_time(after, ZoneInfo(source.timezone))
    end = (until + timedelta(days=1)).date()
    streams = [of_calendar(calendar, start, end) for calendar in source.calendars]
    if source.days:
        streams.append(of_days(source.days, source.times, start, end))
    return streams


def _one(slot: Slot, *others: Slot) -> Slot:
    if not others:
        return slot
    same = (slot, *others)
    notes = list(dict.fromkeys(slot.note for slot in same if slot.note))
    more = f" (and {len(notes) - 1} more)" if len(notes) > 1 else ""
    return Slot(
        slot.at,
        excluded=slot.excluded if all(slot.excluded for slot in same) else "",
        note="".join(notes[:1]) + more,
        ticks=any(slot.ticks for slot in same),
    )


def _streams(source: SlotSource, after: datetime, until: datetime) -> Iterator[Iterator[Slot]]:
    """Ascending streams that together are the source; both occurrences of a fold are two."""
    after, until = source.valid_part(after, until)
    if after >= until:
        return
    if source.interval is not None:
        yield _of_interval(source, source.interval, after, until)
    for fold in _FOLDS[source.dst.fold]:
        for walls in wall_times(source, after, until):
            yield _of_walls(source, walls, fold, after, until)


def _of_interval(
    source: SlotSource, interval: IntervalSpec, after: datetime, until: datetime
) -> Iterator[Slot]:
    passed = (after - _EPOCH - interval.offset) // interval.every
    at = _EPOCH + interval.offset + (passed + 1) * interval.every
    excluded = source.excluded
    while at <= until:
        yield Slot(at, excluded.get(at.date(), "") if excluded else "")
        at += interval.every


def _of_walls(
    source: SlotSource, walls: Iterator[datetime], fold: int, after: datetime, until: datetime
) -> Iterator[Slot]:
    zone, excluded = ZoneInfo(source.timezone), source.excluded
    skips_gaps = source.dst.gap is GapPolicy.SKIP
    for wall in walls:
        at, kind = read(wall, zone, fold)
        if at <= after or (skips_gaps and kind is Kind.IN_GAP):
            continue
        if at > until:
            return
        reason = excluded.get(wall.date(), "") if excluded else ""
        yield Slot(at, reason, _note(wall, at, kind, zone, fold), kind is Kind.PLAIN)


def _note(wall: datetime, at: datetime, kind: Kind, zone: ZoneInfo, fold: int) -> str:
    if kind is Kind.IN_GAP:
        return f"{wall:%H:%M} does not exist, moved to {at.astimezone(zone):%H:%M}"
    if kind is Kind.IN_FOLD:
        return f"{wall:%H:%M} comes twice (clocks go back), this is the {('first', 'second')[fold]}"
    return ""
