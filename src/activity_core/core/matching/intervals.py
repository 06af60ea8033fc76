"""Intervals: whose range a number lies in, among many that overlap.

In: ranges of doubles, put and removed one by one. Out: exactly the items whose range has a number.

A centred interval tree whose shape is given: doubles in their order are integers of 64 bits, and an
interval lies in the smallest power-of-two *cell* of them that holds it whole. There it reaches
across the cell's middle, so a number left of the middle is in it if it is not before its start, and
one right of it if it is not behind its end. Nothing is ever balanced again: `put` and `remove` are
a binary search each, and `at` asks one cell of each size that occurs, 65 at most.
"""

import struct
from bisect import bisect_left, bisect_right
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
        if not cell:
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
    """Those that lie in one cell and reach across its middle, by their starts and by their ends."""

    __slots__ = ("_by_end", "_by_start", "_ends", "_middle", "_starts")

    def __init__(self, middle: int) -> None:
        self._middle = middle
        self._starts: list[int] = []
        self._by_start: list[Item] = []
        self._ends: list[int] = []
        self._by_end: list[Item] = []

    def put(self, first: int, last: int, item: Item) -> None:
        for place, places, items in self._both(first, last):
            at = bisect_left(places, place)
            places.insert(at, place)
            items.insert(at, item)

    def remove(self, first: int, last: int, item: Item) -> None:
        for place, places, items in self._both(first, last):
            at = items.index(item, bisect_left(places, place))
            del places[at], items[at]

    def find(self, place: int, found: list[Item]) -> None:
        """Most cells that are asked have nothing: that is to cost little."""
        if place < self._middle:
            if self._starts[0] <= place:
                found += self._by_start[: bisect_right(self._starts, place)]
        elif self._ends[-1] >= place:
            found += self._by_end[bisect_left(self._ends, place) :]

    def __bool__(self) -> bool:
        return bool(self._starts)

    def _both(self, first: int, last: int) -> tuple[tuple[int, list[int], list[Item]], ...]:
        return (first, self._starts, self._by_start), (last, self._ends, self._by_end)
