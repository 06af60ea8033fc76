"""The sieve: items by their clauses, so that an event meets few of those that it is not for.

In: items with clauses, put and removed one by one. Out: exactly those items whose clauses all hold.

A sieve keeps a few items as they come and asks each of them. When there are more, each is sorted
under the *one* of its clauses that leaves it with the fewest others, into a sieve of those that
share it, with its other clauses; so sieves grow only where items crowd. Branches follow the paths
of the clauses, so that a path costs nothing in an event that has it not.
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

    __slots__ = ("_branch", "_loose", "_sorted")

    def __init__(self) -> None:
        self._loose: dict[Item, tuple[Clause, ...]] = {}
        self._branch: _Branch[Item] | None = None
        self._sorted: dict[Item, Clause] = {}

    def __len__(self) -> int:
        return len(self._loose) + len(self._sorted)

    def put(self, item: Item, clauses: tuple[Clause, ...]) -> None:
        """Add one that is not there."""
        self._loose[item] = clauses
        if self._branch is not None:
            self._sort(item, self._branch, Counter())
        elif len(self._loose) > _FEW:
            self._branch = _Branch()
            different = {clause for clauses in self._loose.values() for clause in clauses}
            variety = Counter(clause.path for clause in different)
            for each in list(self._loose):
                self._sort(each, self._branch, variety)

    def remove(self, item: Item, clauses: tuple[Clause, ...]) -> None:
        """Take one out that is there."""
        clause = self._sorted.pop(item, None)
        if clause is None or self._branch is None:
            del self._loose[item]
            return
        self._branch.remove(clause, item, _without(clause, clauses))
        if not self._sorted:
            self._branch = None

    def find(self, event: Mapping[str, Any], found: list[Item]) -> None:
        """Append all whose clauses hold, in no order."""
        for item, clauses in self._loose.items():
            if all_hold(clauses, event):
                found.append(item)
        if self._branch is not None:
            self._branch.find(event, event, found)

    def _sort(self, item: Item, branch: "_Branch[Item]", variety: Counter[Path]) -> None:
        """Put a loose item under one of its clauses; `variety` decides where all are as good."""
        usable = [clause for clause in self._loose[item] if _is_usable(clause)]
        if usable:
            clause = min(usable, key=lambda each: (*branch.crowd(each), -variety[each.path]))
            branch.put(clause, item, _without(clause, self._loose.pop(item)))
            self._sorted[item] = clause


class _Branch(Generic[Item]):
    """What is sorted by clauses of one path, and the branches of the paths that go on from it."""

    __slots__ = ("_beyond", "_by_key", "_by_prefix", "_lengths", "_present", "_ranged", "_ranges")

    def __init__(self) -> None:
        self._beyond: dict[str, _Branch[Item]] = {}
        self._by_key: dict[Key, Sieve[Item]] = {}
        self._by_prefix: dict[Key, Sieve[Item]] = {}
        self._lengths: Counter[int] = Counter()
        self._present: dict[Key, Sieve[Item]] = {}
        self._ranges: Intervals[Item] = Intervals()
        self._ranged: dict[Item, tuple[Clause, ...]] = {}

    def __len__(self) -> int:
        """0 if there is nothing in it, nor beyond."""
        parts = self._beyond, self._by_key, self._by_prefix, self._present, self._ranged
        return sum(len(part) for part in parts)

    def crowd(self, clause: Clause, depth: int = 0) -> tuple[bool, int, int]:
        """How badly a clause sorts: by its kind, then by how many would be left together.

        A few are as good as none; the path that sorts most others is then the best.
        """
        if depth < len(clause.path):
            beyond = self._beyond.get(clause.path[depth])
            if beyond is None:
                return isinstance(clause, Range | Present), 0, 0
            return beyond.crowd(clause, depth + 1)
        if isinstance(clause, Range):
            return True, len(self._ranged) // _FEW, 0
        sieves, under = self._under(clause)
        most = max((len(sieves.get(key, ())) for key in under), default=0)
        return isinstance(clause, Present), most // _FEW, -len(sieves)

    def put(self, clause: Clause, item: Item, rest: tuple[Clause, ...], depth: int = 0) -> None:
        """Add an item by one of its clauses; `rest` are the others."""
        if depth < len(clause.path):
            step = clause.path[depth]
            if step not in self._beyond:
                self._beyond[step] = _Branch()
            self._beyond[step].put(clause, item, rest, depth + 1)
        elif isinstance(clause, Range):
            self._ranges.put(clause.low, clause.high, item)
            self._ranged[item] = rest
        else:
            sieves, under = self._under(clause)
            for key in under:
                if key not in sieves:
                    sieves[key] = Sieve()
                    if isinstance(clause, Prefix):
                        self._lengths[len(clause.text)] += 1
                sieves[key].put(item, rest)

    def remove(self, clause: Clause, item: Item, rest: tuple[Clause, ...], depth: int = 0) -> None:
        """Take out what was put so."""
        if depth < len(clause.path):
            step = clause.path[depth]
            self._beyond[step].remove(clause, item, rest, depth + 1)
            if not self._beyond[step]:
                del self._beyond[step]
        elif isinstance(clause, Range):
            self._ranges.remove(clause.low, clause.high, item)
            del self._ranged[item]
        else:
            sieves, under = self._under(clause)
            for key in under:
                sieves[key].remove(item, rest)
                if not sieves[key]:
                    del sieves[key]
                    if isinstance(clause, Prefix):
                        self._lengths -= Counter([len(clause.text)])  # drops what is zero

    def _under(self, clause: Clause) -> tuple[dict[Key, Sieve[Item]], Iterable[Key]]:
        """The sieves for clauses of its kind, and the keys of those that are for it."""
        match clause:
            case OneOf(_, keys):
                return self._by_key, keys
            case Prefix(_, text):
                return self._by_prefix, (text,)
        return self._present, (None,)

    def find(self, value: Any, event: Mapping[str, Any], found: list[Item]) -> None:
        """All items of this branch that hold, `value` being what is at its path."""
        kind = type(value)
        if kind is dict:
            if self._beyond:
                self._find_beyond(value, event, found)
        elif kind is not list:
            sieve = self._by_key.get((value,) if kind is bool else value)
            if sieve is not None:
                sieve.find(event, found)
            if kind is str:
                self._find_prefixes(value, event, found)
            elif self._ranged and (kind is int or kind is float):
                items = self._ranges.at(value)
                found.extend(item for item in items if all_hold(self._ranged[item], event))
        for sieve in self._present.values():
            sieve.find(event, found)

    def _find_beyond(
        self, value: dict[str, Any], event: Mapping[str, Any], found: list[Item]
    ) -> None:
        beyond = self._beyond
        if len(beyond) <= len(value):
            for key, branch in beyond.items():
                if key in value:
                    branch.find(value[key], event, found)
        else:
            for key, inner in value.items():
                if key in beyond:
                    beyond[key].find(inner, event, found)

    def _find_prefixes(self, text: str, event: Mapping[str, Any], found: list[Item]) -> None:
        for length in self._lengths:
            if length <= len(text):
                sieve = self._by_prefix.get(text[:length])
                if sieve is not None:
                    sieve.find(event, found)


def _is_usable(clause: Clause) -> bool:
    if isinstance(clause, OneOf):
        return len(clause.keys) <= _MOST_KEYS
    return not isinstance(clause, Differs)


def _without(clause: Clause, clauses: tuple[Clause, ...]) -> tuple[Clause, ...]:
    return tuple(other for other in clauses if other is not clause)
