"""The sieve: items by their clauses, so that an event meets few of those that it is not for.

In: items with clauses, put and removed one by one. Out: exactly those items whose clauses all hold.

A sieve keeps a few items as they come and asks each of them. When there are more, each is sorted
under the *one* of its clauses that leaves it with the fewest others, into a sieve of those that
share it, with its other clauses; so sieves grow only where items crowd. Of many paths, an event
costs only those that it has.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

from activity_core.core.matching.clause import (
    MISSING,
    Clause,
    Differs,
    Key,
    OneOf,
    Path,
    Prefix,
    Present,
    Range,
)
from activity_core.core.matching.intervals import Intervals

Item = TypeVar("Item")

_FEW = 8
_MOST_KEYS = 64


def value_at(path: Path, event: Mapping[str, Any]) -> Any:
    """What is there, or MISSING."""
    value: Any = event
    for key in path:
        if type(value) is not dict:
            return MISSING
        value = value.get(key, MISSING)
    return value


def all_hold(clauses: tuple[Clause, ...], event: Mapping[str, Any]) -> bool:
    """Whether all of them hold of an event as CEL sees it."""
    for clause in clauses:  # noqa: SIM110 - several times quicker than all(…)
        if not clause.takes(value_at(clause.path, event)):
            return False
    return True


class Sieve(Generic[Item]):
    """Items (hashable) by clauses; what is put in is taken out with the very same clauses."""

    __slots__ = ("_loose", "_shelves", "_sorted")

    def __init__(self) -> None:
        self._loose: dict[Item, tuple[Clause, ...]] = {}
        self._sorted: dict[Item, Clause] = {}
        self._shelves: dict[Path, dict[str, _Shelf[Item]]] = {}
        """By the path of the map that a value is in, and by its key there."""

    def __len__(self) -> int:
        return len(self._loose) + len(self._sorted)

    def put(self, item: Item, clauses: tuple[Clause, ...]) -> None:
        """Add one that is not there."""
        self._loose[item] = clauses
        if self._sorted or len(self._loose) > _FEW + 1:
            self._sort(item, Counter())
        elif len(self._loose) == _FEW + 1:
            different = {clause for clauses in self._loose.values() for clause in clauses}
            variety = Counter(clause.path for clause in different)
            for each in list(self._loose):
                self._sort(each, variety)

    def remove(self, item: Item, clauses: tuple[Clause, ...]) -> None:
        """Take one out that is there."""
        clause = self._sorted.pop(item, None)
        if clause is None:
            del self._loose[item]
            return
        *parent, key = clause.path
        shelves = self._shelves[tuple(parent)]
        shelves[key].remove(clause, item, _without(clause, clauses))
        if shelves[key].is_empty:
            del shelves[key]
            if not shelves:
                del self._shelves[tuple(parent)]

    def find(self, event: Mapping[str, Any], found: list[Item]) -> None:
        """Append all whose clauses hold, in no order."""
        for item, clauses in self._loose.items():
            if all_hold(clauses, event):
                found.append(item)
        for parent, shelves in self._shelves.items():
            values = value_at(parent, event)
            if type(values) is not dict:
                continue
            if len(shelves) <= len(values):
                for key, shelf in shelves.items():
                    if key in values:
                        shelf.find(values[key], event, found)
            else:
                for key, value in values.items():
                    if key in shelves:
                        shelves[key].find(value, event, found)

    def _sort(self, item: Item, variety: Counter[Path]) -> None:
        """Put a loose item under one of its clauses; `variety` decides where all are as good.

        The one whose path tells most others apart is the best: all keep to that path then, so that
        an event is not led on by several.
        """
        usable = [clause for clause in self._loose[item] if _is_usable(clause)]
        if usable:
            clause = min(usable, key=lambda each: (*self._rank(each), -variety[each.path]))
            *parent, key = clause.path
            shelves = self._shelves.setdefault(tuple(parent), {})
            if key not in shelves:
                shelves[key] = _Shelf()
            shelves[key].put(clause, item, _without(clause, self._loose.pop(item)))
            self._sorted[item] = clause

    def _rank(self, clause: Clause) -> tuple[bool, int, int]:
        *parent, key = clause.path
        shelf = self._shelves.get(tuple(parent), {}).get(key)
        return (isinstance(clause, Range | Present), *(shelf.rank(clause) if shelf else (0, 0)))


class _Shelf(Generic[Item]):
    """What is sorted by clauses about one path."""

    __slots__ = ("_by_key", "_by_prefix", "_lengths", "_present", "_ranged", "_ranges")

    def __init__(self) -> None:
        self._by_key: dict[Key, Sieve[Item]] = {}
        self._by_prefix: dict[Key, Sieve[Item]] = {}
        self._lengths: Counter[int] = Counter()
        self._present: dict[Key, Sieve[Item]] = {}
        self._ranges: Intervals[Item] = Intervals()
        self._ranged: dict[Item, tuple[Clause, ...]] = {}

    @property
    def is_empty(self) -> bool:
        return not (self._by_key or self._by_prefix or self._present or self._ranged)

    def rank(self, clause: Clause) -> tuple[int, int]:
        """The least is the best: how many values it tells apart, then how many items have its."""
        if isinstance(clause, Range):
            return 0, 0
        sieves, under = self._under(clause)
        return -len(sieves), max((len(sieves.get(key, ())) for key in under), default=0)

    def put(self, clause: Clause, item: Item, rest: tuple[Clause, ...]) -> None:
        """Add an item by one of its clauses; `rest` are the others."""
        if isinstance(clause, Range):
            self._ranges.put(clause.low, clause.high, item)
            self._ranged[item] = rest
            return
        sieves, under = self._under(clause)
        for key in under:
            if key not in sieves:
                sieves[key] = Sieve()
                if isinstance(clause, Prefix):
                    self._lengths[len(clause.text)] += 1
            sieves[key].put(item, rest)

    def remove(self, clause: Clause, item: Item, rest: tuple[Clause, ...]) -> None:
        """Take out what was put so."""
        if isinstance(clause, Range):
            self._ranges.remove(clause.low, clause.high, item)
            del self._ranged[item]
            return
        sieves, under = self._under(clause)
        for key in under:
            sieves[key].remove(item, rest)
            if not sieves[key]:
                del sieves[key]
                if isinstance(clause, Prefix):
                    self._lengths -= Counter([len(clause.text)])  # drops what is zero

    def find(self, value: Any, event: Mapping[str, Any], found: list[Item]) -> None:
        """Append all that hold of an event that has this value at the path."""
        kind = type(value)
        if kind is not dict and kind is not list:
            sieve = self._by_key.get((value,) if kind is bool else value)
            if sieve is not None:
                sieve.find(event, found)
            if kind is str:
                if self._lengths:
                    self._find_prefixes(value, event, found)
            elif self._ranged and (kind is int or kind is float):
                ranged = self._ranged
                found += [i for i in self._ranges.at(value) if all_hold(ranged[i], event)]
        if self._present:
            self._present[None].find(event, found)

    def _find_prefixes(self, text: str, event: Mapping[str, Any], found: list[Item]) -> None:
        for length in self._lengths:
            if length <= len(text):
                sieve = self._by_prefix.get(text[:length])
                if sieve is not None:
                    sieve.find(event, found)

    def _under(self, clause: Clause) -> tuple[dict[Key, Sieve[Item]], Iterable[Key]]:
        """The sieves for clauses of its kind, and the keys of those that are for it."""
        match clause:
            case OneOf(_, keys):
                return self._by_key, keys
            case Prefix(_, text):
                return self._by_prefix, (text,)
        return self._present, (None,)


def _is_usable(clause: Clause) -> bool:
    if isinstance(clause, OneOf):
        return 0 < len(clause.keys) <= _MOST_KEYS
    return not isinstance(clause, Differs)


def _without(clause: Clause, clauses: tuple[Clause, ...]) -> tuple[Clause, ...]:
    return tuple(other for other in clauses if other is not clause)
