"""The match index: which definitions an event is for, at the price of a few of them.

In: definitions, put and removed one by one (each costs what its own clauses cost, never a rebuild),
and events. Out: `Matches`, exactly what asking every definition's types, source and filter by CEL
would give. Types and sources lead to a *crowd* each; its sieve drops by clauses what cannot match.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.errors import ExpressionError
from activity_core.core.event.patterns import PatternMap
from activity_core.core.event.stored_event import StoredEvent
from activity_core.core.matching.clause import Clause, Path
from activity_core.core.matching.conjuncts import EVENT_VARIABLES
from activity_core.core.matching.excerpts import Excerpts
from activity_core.core.matching.interest import Heard, Hit, Interest, Listener
from activity_core.core.matching.sieve import Sieve

__all__ = ["EVENT_VARIABLES", "Hit", "MatchIndex", "Matches"]


@dataclass(frozen=True, slots=True)
class Matches:
    """What the definitions make of one event.

    `listened` counts those whose type and source patterns take it; those among them that have no
    hit have filtered it out. `hits` are in the order of the definitions' ids.
    """

    listened: int
    hits: Sequence[Hit]


class MatchIndex:
    """Definitions by what they listen to; those that listen to nothing leave no trace."""

    def __init__(self) -> None:
        self._listeners: dict[str, Listener] = {}
        self._types: PatternMap[PatternMap[_Crowd]] = PatternMap()
        self._excerpts = Excerpts()

    def put(self, definition: ActivityDefinition, version: int) -> None:
        """Add a definition, or replace the one that has its id."""
        self.remove(definition.id)
        listener = Listener(definition, version)
        if not listener.interests:
            return
        self._listeners[definition.id] = listener
        for interest in listener.interests:
            for type_ in interest.types:
                crowds = self._types.at(type_, PatternMap)
                crowds.at(interest.source, self._crowd(type_, interest)).put(interest)

    def remove(self, definition_id: str) -> None:
        """Take a definition out, if it is there."""
        listener = self._listeners.pop(definition_id, None)
        for interest in listener.interests if listener else ():
            for type_ in interest.types:
                crowds = self._types.at(type_, PatternMap)
                crowd = crowds.at(interest.source, self._crowd(type_, interest))
                crowd.remove(interest)
                if crowd.is_empty:
                    crowds.remove(interest.source)
                if not crowds:
                    self._types.remove(type_)

    def _crowd(self, type_: str, interest: Interest) -> Callable[[], "_Crowd"]:
        return partial(_Crowd, type_, interest.source, self._excerpts)

    def match(self, event: StoredEvent) -> Matches:
        """All definitions that an event is for, or that it fails on.

        Raises:
            InvalidEventError: somebody listens to it, and it is not readable.
        """
        crowds = [
            crowd
            for sources in self._types.taking(event.type)
            for crowd in sources.taking(event.source)
        ]
        if not crowds:
            return Matches(0, ())
        for crowd in crowds:
            crowd.sort_in()
        heard = Heard(event, self._excerpts.of(event))
        found: list[Interest] = []
        for crowd in crowds:
            crowd.find(heard, found)
        return Matches(_listened(crowds), _hits(heard, found) if found else ())


class _Crowd:
    """Interests in the same types and sources."""

    def __init__(self, type_: str, source: str, excerpts: Excerpts) -> None:
        self._given: dict[Path, str] = {("type",): type_, ("source",): source}
        self._new: dict[Interest, None] = {}
        self._sieve: Sieve[Interest] = Sieve()
        self._excerpts = excerpts
        self.simple = 0
        self.composite: set[str] = set()

    @property
    def is_empty(self) -> bool:
        return not self._new and not self._sieve

    def put(self, interest: Interest) -> None:
        self._new[interest] = None
        if interest.listener.is_composite:
            self.composite.add(interest.listener.definition_id)
        else:
            self.simple += 1

    def remove(self, interest: Interest) -> None:
        if interest in self._new:
            del self._new[interest]
        else:
            clauses = self._clauses(interest)
            self._sieve.remove(interest, clauses)
            self._excerpts.forget(clauses)
        if interest.listener.is_composite:  # all its interests go together
            self.composite.discard(interest.listener.definition_id)
        else:
            self.simple -= 1

    def sort_in(self) -> None:
        """Read the filters of those that are new, as an event comes that they may be for."""
        while self._new:
            interest, _ = self._new.popitem()
            clauses = self._clauses(interest)
            self._sieve.put(interest, clauses)
            self._excerpts.want(clauses)

    def find(self, heard: Heard, found: list[Interest]) -> None:
        """Append those whose clauses hold."""
        self._sieve.find(heard.excerpt, found)

    def _clauses(self, interest: Interest) -> tuple[Clause, ...]:
        """Without those that hold of every event of its type and source."""
        return tuple(c for c in interest.clauses.clauses if not self._is_given(c))

    def _is_given(self, clause: Clause) -> bool:
        text = self._given.get(clause.path)
        return text is not None and not text.endswith("*") and clause.takes(text)


def _listened(crowds: Iterable[_Crowd]) -> int:
    simple = 0
    composite: set[str] = set()
    for crowd in crowds:
        simple += crowd.simple
        if crowd.composite:
            composite |= crowd.composite
    return simple + len(composite)


def _hits(heard: Heard, found: Iterable[Interest]) -> list[Hit]:
    hits: list[Hit] = []
    parts: dict[Listener, set[str]] = {}
    for interest in found:
        listener = interest.listener
        try:
            if not interest.passes(heard):
                continue
        except ExpressionError as error:
            hits.extend(listener.failures(error))
            continue
        if listener.is_composite:
            parts.setdefault(listener, set()).add(interest.part)
        else:
            hits.append(listener.hit(heard))
    hits.extend(listener.hit(heard, names) for listener, names in parts.items())
    hits.sort(key=_id)
    return hits


def _id(hit: Hit) -> str:
    return hit.definition_id
