"""The oracle of chaos: who an event is for, found by asking every filter, one by one.

In: definitions as documents, events as they were sent. Out: per definition the events that are
for it. It asks CEL itself; index, router and compiler of the product take no part.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cel_expr_python import cel
from tests.api import Json
from tests.faults.chaos_definitions import Definition

_CEL = cel.NewEnv(variables={"event": cel.Type.DYN})
_VALUES = cel.NewEnv()
_ABSENT = dict.fromkeys(("subject", "time", "datacontenttype", "dataschema", "data_base64"), "")


@dataclass
class Wanted:
    """What must be decided about one definition, by names of events: `parts` are those of a
    composite that an event may be, and "" otherwise; `failed` are those its filter failed on.
    """

    parts: dict[str, frozenset[str]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    @property
    def all(self) -> set[str]:
        return self.parts.keys() | self.failed


@dataclass
class Oracle:
    """What follows from all events: `wanted` by definition, how many `listened` by event."""

    wanted: Mapping[str, Wanted]
    listened: Mapping[str, int]


def ask(definitions: Iterable[Definition], events: Mapping[str, Json]) -> Oracle:
    """Who each event is for."""
    definitions = list(definitions)
    wanted = {each.id: Wanted() for each in definitions}

    @cache
    def hearing(type_: str, source: str) -> Sequence[tuple[Definition, Mapping[str, Json]]]:
        heard = [
            (each, {part: p for part, p in each.patterns.items() if _hears(p, type_, source)})
            for each in definitions
        ]
        return [(each, patterns) for each, patterns in heard if patterns]

    listened = {}
    for name, event in events.items():
        bindings = _VALUES.Activation({"event": _ABSENT | event})
        hears = hearing(event["type"], event["source"])
        listened[name] = len(hears)
        for each, patterns in hears:
            answers = {part: _holds(p.get("filter"), bindings) for part, p in patterns.items()}
            mine = wanted[each.id]
            if parts := frozenset(part for part, answer in answers.items() if answer):
                mine.parts[name] = parts
            elif None in answers.values() and "on_error" in each.control:
                mine.failed.add(name)
    return Oracle(wanted, listened)


def value_of(text: str, event: Json) -> Any:
    """What an expression gives for an event."""
    return _program(text).eval(_VALUES.Activation({"event": _ABSENT | event})).plain_value()


def _hears(pattern: Json, type_: str, source: str) -> bool:
    types = pattern.get("types") or [pattern["type"]]
    of_type = any(_like(each, type_) for each in types)
    return of_type and _like(pattern.get("source", "*"), source)


def _like(pattern: str, text: str) -> bool:
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1]) and len(text) >= len(pattern)
    return text == pattern


def _holds(text: str | None, bindings: Any) -> bool | None:
    """What a filter says; None: it fails."""
    if text is None:
        return True
    value = _program(text).eval(bindings).value()
    return value if isinstance(value, bool) else None


@cache
def _program(text: str) -> Any:
    return _CEL.compile(text)
