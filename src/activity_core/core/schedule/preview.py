"""Previews: the next slots as people read them, with what is special about each.

In: a `ScheduleSpec` and a time. Out: `PreviewItem`s, for the command line and the API.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from activity_core.core.definition.slot_trigger import GapPolicy
from activity_core.core.schedule.slots import next_slots, wall_times
from activity_core.core.schedule.spec import ScheduleSpec
from activity_core.core.schedule.wall_time import Kind, read


@dataclass(frozen=True, slots=True)
class PreviewItem:
    """A slot. `local`: RFC 3339 in the zone of the schedule; `note`: plain words, mostly none."""

    utc: datetime
    local: str
    note: str


def preview(spec: ScheduleSpec, after: datetime, count: int) -> list[PreviewItem]:
    """The first `count` slots later than `after`, those on excluded days among them.

    Wall times in between that have no slot since the clock leaps over them are named by the next.
    """
    slots = next_slots(spec, after, count)
    lost = _leapt_over(spec, after, slots[-1].at) if slots else {}
    zone = ZoneInfo(spec.timezone)
    items, before = [], after
    for slot in slots:
        notes = [note for at, note in lost.items() if before < at <= slot.at]
        notes.append(slot.note)
        notes.append(slot.excluded and f"excluded: {slot.excluded}")
        local = slot.at.astimezone(zone).isoformat(timespec="seconds")
        items.append(PreviewItem(slot.at, local, "; ".join(note for note in notes if note)))
        before = slot.at
    return items


def _leapt_over(spec: ScheduleSpec, after: datetime, until: datetime) -> dict[datetime, str]:
    """Changes of the clock in (after, until] → the wall times that have no slot for it."""
    lost: defaultdict[datetime, set[datetime]] = defaultdict(set)
    for source in spec.sources:
        start, end = source.valid_part(after, until)
        if source.dst.gap is GapPolicy.NEXT or start >= end:
            continue
        for walls in wall_times(source, start, end):
            for wall in walls:
                at, kind = read(wall, ZoneInfo(source.timezone))
                if at > end:
                    break
                if kind is Kind.IN_GAP and start < at and wall.date() not in source.excluded:
                    lost[at].add(wall)
    return {at: _no_slot(sorted(walls)) for at, walls in sorted(lost.items())}


def _no_slot(walls: list[datetime]) -> str:
    first, last = walls[0], walls[-1]
    if len(walls) == 1:
        return f"{first:%H:%M} on {first:%Y-%m-%d} does not exist (clocks go forward), no slot"
    return (
        f"{first:%H:%M} to {last:%H:%M} on {first:%Y-%m-%d} do not exist (clocks go forward), "
        f"{len(walls)} times without a slot"
    )
