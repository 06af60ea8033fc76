"""Cycles: definitions that may cause each other's runs for ever.

In: the definitions of a set, and those that stay beside it. Out: advice that names a whole cycle,
`a → order.placed → b → order.checked → a`. An emitted event only comes back if a route of the
broker brings it, and a filter may stop it, so this is never refused; at run time the depth of
causation is bounded.
"""

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import islice

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.trigger_pattern import EventPattern
from activity_core.core.definition.work import OURS
from activity_core.core.event.patterns import takes

MOST_CYCLES = 10
"""Cycles that are named at once."""

ANNOUNCED = tuple(
    f"{OURS}{noun}.{verb}.v1"
    for noun, verbs in (
        ("run", ("started", "completed", "failed")),
        ("task", ("created", "completed", "failed", "cancelled")),
    )
    for verb in verbs
)
"""What every definition causes: each of its runs, and each of their tasks, is announced."""

_OUR_SOURCES = "/activity-core/"


def cycles(
    coming: Sequence[ActivityDefinition], staying: Iterable[ActivityDefinition]
) -> list[tuple[str, str]]:
    """One piece of advice per cycle, with the id of a definition of `coming` that is on it.

    Each definition on a cycle is on one that is named, up to `MOST_CYCLES`; the shortest, if it is
    on several.
    """
    ids = {definition.id for definition in coming}
    definitions = [*coming, *(item for item in staying if item.id not in ids)]
    causes = _Causes(definitions)
    if not causes.go_round():
        return []
    found: list[tuple[str, str]] = []
    named: set[str] = set()
    for definition in coming:
        if definition.id in named:
            continue
        if cycle := causes.shortest_cycle(definition.id):
            named.update(cycle[::2])
            found.append((definition.id, _told(cycle)))
        if len(found) == MOST_CYCLES:
            break
    return found


class _Causes:
    """Who emits which types, and who listens to them."""

    def __init__(self, definitions: Sequence[ActivityDefinition]) -> None:
        self._emitted: Mapping[str, Sequence[str]] = {
            definition.id: (*_emitted_by(definition), *ANNOUNCED) for definition in definitions
        }
        types = sorted({each for emitted in self._emitted.values() for each in emitted})
        self._listeners: defaultdict[str, list[str]] = defaultdict(list)
        for definition in definitions:
            heard = {type_ for part in definition.trigger.heard for type_ in _types_of(part)}
            for type_ in {each for pattern in heard for each in _taken(pattern, types)}:
                self._listeners[type_].append(definition.id)

    def go_round(self) -> bool:
        """Whether there is a cycle at all; quick, so that most sets need no search."""
        sorter: TopologicalSorter[tuple[str, str]] = TopologicalSorter()
        for id_, emitted in self._emitted.items():
            sorter.add(("definition", id_), *(("type", type_) for type_ in emitted))
        for type_, listeners in self._listeners.items():
            sorter.add(("type", type_), *(("definition", id_) for id_ in listeners))
        try:
            sorter.prepare()
        except CycleError:
            return True
        return False

    def shortest_cycle(self, start: str) -> list[str]:
        """Definition, type, definition, … from `start` back to it; empty if there is none."""
        came_by: dict[str, tuple[str, str]] = {}
        seen_types: set[str] = set()
        queue = deque([start])
        while queue:
            emitter = queue.popleft()
            for type_ in self._emitted[emitter]:
                if type_ in seen_types:
                    continue
                seen_types.add(type_)
                for listener in self._listeners.get(type_, ()):
                    if listener == start:
                        return [*_way(came_by, start, emitter), type_, start]
                    if listener not in came_by:
                        came_by[listener] = emitter, type_
                        queue.append(listener)
        return []


def _way(came_by: Mapping[str, tuple[str, str]], start: str, end: str) -> list[str]:
    way = [end]
    while way[-1] != start:
        emitter, type_ = came_by[way[-1]]
        way += [type_, emitter]
    return way[::-1]


def _taken(pattern: str, types: Sequence[str]) -> Iterator[str]:
    """Those of the sorted types that a pattern takes."""
    prefix = pattern.removesuffix("*")
    for type_ in islice(types, bisect_left(types, prefix), None):
        if not type_.startswith(prefix):
            return
        if takes(pattern, type_):
            yield type_


def _emitted_by(definition: ActivityDefinition) -> Iterator[str]:
    for rule in definition.rules:
        for task in rule.tasks:
            if task.emit_ is not None:
                yield task.emit_.type


def _types_of(part: EventPattern) -> Sequence[str]:
    """Its type patterns; none if it listens to other sources than ours only."""
    if part.source is not None and not _may_be_ours(part.source):
        return ()
    return part.all_types


def _may_be_ours(pattern: str) -> bool:
    if not pattern.endswith("*"):
        return pattern.startswith(_OUR_SOURCES)
    prefix = pattern[:-1]
    return prefix.startswith(_OUR_SOURCES) or _OUR_SOURCES.startswith(prefix)


def _told(cycle: Sequence[str]) -> str:
    return (
        f"may cause itself: {' → '.join(cycle)}; filters are not looked at, and what is emitted "
        "only comes back if a route of the broker brings it. A `source` beside the types ends it"
    )
