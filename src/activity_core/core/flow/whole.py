"""Wholes: which of some events make a composite complete.

In: the events around the one that came, in order of their times. Out: those of a whole, or what is
still missing. No two of them have the same part, and of several wholes it is the one that begins
first. Asked by `composite` for every event.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from activity_core.core.definition.composite import CompositeTriggerConfig
from activity_core.core.flow.group import Member


def by_time(member: Member) -> tuple[datetime, str]:
    """Orders events by their own times; at the same time, in an order that is always the same."""
    return member.at, member.input_key


def whole(config: CompositeTriggerConfig, events: Sequence[Member]) -> Sequence[Member]:
    """The events of a whole in order of their times; empty if they make none.

    `events` are in the order of `by_time`. Takes some hundred steps per event, not their product.
    """
    search = _Search.of(config, events)
    if config.count_ is not None:
        places = search.count(config.count_.at_least)
    elif config.sequence_ is not None:
        places = search.sequence()
    else:
        places = search.distinct(config.at_least or (1 if config.any_of_ else len(search.fits)))
    return [events[place] for place in places]


def missing(config: CompositeTriggerConfig, events: Sequence[Member]) -> list[str]:
    """Names of the parts that none of the events is, if each is at most one part."""
    search = _Search.of(config, events)
    seats = _Seats(search.fits)
    return [
        name for part, (name, _) in enumerate(config.parts) if not seats.fill(part, 0, len(events))
    ]


@dataclass(frozen=True, slots=True)
class _Search:
    """Places of events: `offsets` are their times since the first, `fits` who may be which part.

    A window is a stretch of `within` that begins with an event.
    """

    offsets: Sequence[timedelta]
    fits: Sequence[Sequence[int]]
    within: timedelta

    @classmethod
    def of(cls, config: CompositeTriggerConfig, events: Sequence[Member]) -> "_Search":
        return cls(
            [event.at - events[0].at for event in events],
            [
                [place for place, event in enumerate(events) if name in event.parts]
                for name, _ in config.parts
            ],
            config.within,
        )

    def count(self, wanted: int) -> Sequence[int]:
        fit = self.fits[0]
        for first in range(len(fit) - wanted + 1):
            taken = fit[first : first + wanted]
            if self.offsets[taken[-1]] - self.offsets[taken[0]] <= self.within:
                return taken
        return ()

    def distinct(self, wanted: int) -> Sequence[int]:
        if sum(map(bool, self.fits)) < wanted:
            return ()
        for start, end in self._windows(range(len(self.offsets))):
            seats = _Seats(self.fits)
            for part in range(len(self.fits)):
                seats.fill(part, start, end)
                if len(seats.part_of) == wanted:
                    return sorted(seats.part_of)
        return ()

    def sequence(self) -> Sequence[int]:
        if not all(self.fits):
            return ()
        for start, end in self._windows(self.fits[0]):
            seats = _Seats(self.fits)
            if self._in_order(seats, start, end):
                return sorted(seats.part_of, key=seats.part_of.__getitem__)
        return ()

    def _in_order(self, seats: "_Seats", start: int, end: int) -> bool:
        """Fill as many parts as possible at each instant: to be further on is never worse."""
        part = 0
        while part < len(self.fits):
            first = _next(self.fits[part], start)
            if first is None or first >= end:
                return False
            instant = self._instant(first)
            while part < len(self.fits) and seats.fill(part, *instant):
                part += 1
            start = instant[1]
        return True

    def _windows(self, firsts: Sequence[int]) -> Iterator[tuple[int, int]]:
        for number, first in enumerate(firsts):
            if number == 0 or self.offsets[first] != self.offsets[firsts[number - 1]]:
                yield first, bisect_right(self.offsets, self.offsets[first] + self.within)

    def _instant(self, place: int) -> tuple[int, int]:
        """The places of all events of the same time."""
        offset = self.offsets[place]
        return bisect_left(self.offsets, offset), bisect_right(self.offsets, offset)


@dataclass(frozen=True, slots=True)
class _Seats:
    """Who is which part: a matching that grows by augmenting paths."""

    fits: Sequence[Sequence[int]]
    part_of: dict[int, int] = field(default_factory=dict)

    def fill(self, part: int, start: int, end: int) -> bool:
        """Find an event for a part among the places from `start` to before `end`.

        Others may change theirs for it. A search in vain only sees events that have a part.
        """
        return self._fill(part, start, end, set())

    def _fill(self, part: int, start: int, end: int, tried: set[int]) -> bool:
        fit = self.fits[part]
        for number in range(bisect_left(fit, start), bisect_left(fit, end)):
            place = fit[number]
            if place in tried:
                continue
            tried.add(place)
            other = self.part_of.get(place)
            if other is None or self._fill(other, start, end, tried):
                self.part_of[place] = part
                return True
        return False


def _next(fit: Sequence[int], start: int) -> int | None:
    number = bisect_left(fit, start)
    return fit[number] if number < len(fit) else None
