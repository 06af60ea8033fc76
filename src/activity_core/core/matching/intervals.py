"""Intervals: whose range a number lies in, among many that overlap.

In: ranges of doubles, put and removed one by one. Out: exactly the items whose range has a number.

A centred interval tree whose shape is given: doubles in their order are integers of 64 bits, and an
interval lies in the smallest power-of-two *cell* of them that holds it whole. There it reaches
across the cell's middle, so a number left of the middle is in it if it is not before its start, and
one right of it if it is not behind its end. Nothing is ever balanced again: `put` and `remove` are
a binary search each, and `at` asks one cell of each size that occurs, 65 at most.
"""

import struct
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from typing import Generic, TypeVar

Item = TypeVar("Item")

_DOUBLE, _BITS = struct.Struct("<d"), struct.Struct("<q")
_ZERO = 1 << 63
_LARGEST = 1 << 1000


def ordinal(number: float) -> int:
    """The place of a number among all doubles; of a large integer that of the nearest double."""
    if type(number) is int:
        number = max(-_LARGEST, min(number, _LARGEST))
    bits: int = _BITS.unpack(_DOUBLE.pack(number))[0]
    return _ZERO + bits if bits >= 0 else -bits  # of -0.0 this is that of 0.0


class Intervals(Generic[Item]):
    """Items by their ranges, ends included."""

    def __init__(self) -> None:
        self._sizes: dict[int, dict[int, _Cell[Item]]] = {}

    def put(self, low: float, high: float, item: Item) -> None:
        """Add one that is not there; `low` <= `high`."""
        first, last = ordinal(low), ordinal(high)
        size = (first ^ last).bit_length()
        cells = self._sizes.setdefault(size, {})
        number = first >> size
        if (cell := cells.get(number)) is None:
            cell = cells[number] = _Cell((number << size) + (1 << size >> 1))
        cell.put(first, last, item)

    def remove(self, low: float, high: float, item: Item) -> None:
        """Take out one that is there, by the same range."""
        first, last = ordinal(low), ordinal(high)
        size = (first ^ last).bit_length()
        cells = self._sizes[size]
        cell = cells[first >> size]
        cell.remove(first, last, item)
        if not cell.starts:
            del cells[first >> size]
            if not cells:
                del self._sizes[size]

    def at(self, number: float) -> list[Item]:
        """All whose range has it."""
        place = ordinal(number)
        found: list[Item] = []
        for size, cells in self._sizes.items():
            cell = cells.get(place >> size)
            if cell is not None:
                cell.find(place, found)
        return found

    def __bool__(self) -> bool:
        return bool(self._sizes)


class _Cell(Generic[Item]):
    """Those that lie in one cell and reach across its middle."""

    __slots__ = ("_ending", "_ends", "_middle", "_starting", "starts")

    def __init__(self, middle: int) -> None:
        self._middle = middle
        self.starts: list[int] = []
        self._ends: list[int] = []
        self._starting: dict[int, dict[Item, None]] = defaultdict(dict)
        self._ending: dict[int, dict[Item, None]] = defaultdict(dict)

    def put(self, first: int, last: int, item: Item) -> None:
        for place, places, items in self._both(first, last):
            if place not in items:
                insort(places, place)
            items[place][item] = None

    def remove(self, first: int, last: int, item: Item) -> None:
        for place, places, items in self._both(first, last):
            del items[place][item]
            if not items[place]:
                del items[place], places[bisect_left(places, place)]

    def find(self, place: int, found: list[Item]) -> None:
        if place < self._middle:
            for start in self.starts[: bisect_right(self.starts, place)]:
                found += self._starting[start]
        else:
            for end in self._ends[bisect_left(self._ends, place) :]:
                found += self._ending[end]

    def _both(
        self, first: int, last: int
    ) -> tuple[tuple[int, list[int], dict[int, dict[Item, None]]], ...]:
        return (first, self.starts, self._starting), (last, self._ends, self._ending)
