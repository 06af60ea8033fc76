"""A second opinion on slots: every minute of UTC is asked what the clock shows, and nothing else.

No arithmetic on wall times, no `fold`: a wall time that the walk meets twice is repeated, one that
it does not meet between two neighbours is skipped. The policies are stated over that.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from activity_core.core.definition.slot_trigger import DstConfig, FoldPolicy, GapPolicy

MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)


class Walk:
    """The clock of a zone, minute by minute, from `start` to `end`."""

    def __init__(self, zone: str, start: datetime, end: datetime) -> None:
        info = ZoneInfo(zone)
        minutes = (start + n * MINUTE for n in range((end - start) // MINUTE + 1))
        self.shown = [(at, at.astimezone(info).replace(tzinfo=None, fold=0)) for at in minutes]
        self.instants: defaultdict[datetime, list[datetime]] = defaultdict(list)
        for at, wall in self.shown:
            self.instants[wall].append(at)
        self.repeated = {wall for wall, found in self.instants.items() if len(found) > 1}
        self.leaps = {
            at: {wall + n * MINUTE for n in range(1, (later - wall) // MINUTE)}
            for (_, wall), (at, later) in pairwise(self.shown)
            if later - wall > MINUTE
        }
        self.walls = set(self.instants).union(*self.leaps.values())

    def slots(self, walls: set[datetime], dst: DstConfig) -> list[datetime]:
        """Their instants, later than the first minute of the walk, ascending."""
        found = {
            at
            for wall in walls
            if wall in self.instants
            for at in _chosen(self.instants[wall], dst.fold)
        }
        if dst.gap is GapPolicy.NEXT:
            found.update(at for at, skipped in self.leaps.items() if walls & skipped)
        return sorted(found - {self.shown[0][0]})


def _chosen(instants: list[datetime], fold: FoldPolicy) -> list[datetime]:
    match fold:
        case FoldPolicy.FIRST:
            return instants[:1]
        case FoldPolicy.SECOND:
            return instants[-1:]
        case FoldPolicy.BOTH:
            return instants


def changes(zone: str, first_year: int, last_year: int) -> Iterator[datetime]:
    """Instants from which the zone has another offset from UTC, to the minute."""
    info = ZoneInfo(zone)

    def offset(at: datetime) -> timedelta | None:
        return at.astimezone(info).utcoffset()

    start, end = datetime(first_year, 1, 1, tzinfo=UTC), datetime(last_year + 1, 1, 1, tzinfo=UTC)
    days = [start + n * _DAY for n in range((end - start) // _DAY + 1)]
    for day, next_day in pairwise(days):
        old = offset(day)
        if offset(next_day) != old:
            minutes = range(24 * 60 + 1)
            same = bisect_right(minutes, 0, key=lambda n: int(offset(day + n * MINUTE) != old))
            yield day + same * MINUTE
