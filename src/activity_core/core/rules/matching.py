"""Matching: which definitions an event is for.

In: the registry's definitions, indexed by their type patterns (`Matcher`), and events. Out: a
`Match` per definition that listens to the event's type and source, with what its filter said.
An expression is compiled when the first event needs it: a registry of thousands is ready at once.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from activity_core.core.decision import Outcome
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.trigger import EventTriggerConfig
from activity_core.core.errors import ExpressionError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.expression.condition import Bindings, Program, compile_expression
from activity_core.core.jsontext import canonical_json

EVENT_VARIABLES = frozenset({"event"})
"""What `filter` and `dedupe_key` see."""


@dataclass(frozen=True, slots=True)
class Match:
    """What one definition makes of an event.

    `outcome` is fired, filtered (with the error as `reason` if the filter failed) or failed (the
    dedupe key). `dedupe_key` is canonical JSON text; None if the definition has none.
    """

    definition_id: str
    version: int
    outcome: Outcome
    dedupe_key: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class _Listener:
    definition_id: str
    version: int
    trigger: EventTriggerConfig

    @cached_property
    def filter(self) -> Program | None:
        text = self.trigger.filter
        return None if text is None else compile_expression(text, variables=EVENT_VARIABLES)

    @cached_property
    def dedupe_key(self) -> Program | None:
        text = self.trigger.dedupe_key
        return None if text is None else compile_expression(text, variables=EVENT_VARIABLES)

    def match(self, bindings: Bindings) -> Match:
        try:
            if self.filter is not None and not self.filter.holds(bindings):
                return Match(self.definition_id, self.version, Outcome.FILTERED)
        except ExpressionError as error:
            return Match(
                self.definition_id, self.version, Outcome.FILTERED, None, f"filter: {error}"
            )
        if self.dedupe_key is None:
            return Match(self.definition_id, self.version, Outcome.FIRED)
        try:
            value = self.dedupe_key.evaluate(bindings)
            if value is None:  # would make one of all events that lack it
                raise ExpressionError("is null")
        except ExpressionError as error:
            reason = f"dedupe_key: {error}"
            return Match(self.definition_id, self.version, Outcome.FAILED, None, reason)
        key = canonical_json(value).decode()
        return Match(self.definition_id, self.version, Outcome.FIRED, key)


class Matcher:
    """An index over definitions; those without an event trigger are left out."""

    def __init__(self, definitions: Sequence[tuple[ActivityDefinition, int]]) -> None:
        self._exact: dict[str, list[_Listener]] = defaultdict(list)
        self._by_prefix: dict[str, list[_Listener]] = defaultdict(list)
        for definition, version in definitions:
            if (trigger := definition.trigger.event) is not None:
                listener = _Listener(definition.id, version, trigger)
                for pattern in set(trigger.all_types):
                    index = self._by_prefix if pattern.endswith("*") else self._exact
                    index[pattern.removesuffix("*")].append(listener)
        self._prefix_lengths = sorted({len(prefix) for prefix in self._by_prefix})

    def match(self, event: EventEnvelope) -> list[Match]:
        """One per definition that listens, in the order of their ids."""
        listeners = {listener.definition_id: listener for listener in self._listening(event.type)}
        if not listeners:
            return []
        bindings = Bindings({"event": event.for_conditions()})
        return [
            listener.match(bindings)
            for _, listener in sorted(listeners.items())
            if takes(listener.trigger.source, event.source)
        ]

    def _listening(self, event_type: str) -> Iterator[_Listener]:
        yield from self._exact.get(event_type, ())
        for length in self._prefix_lengths:
            if length >= len(event_type):
                return
            yield from self._by_prefix.get(event_type[:length], ())


def takes(pattern: str | None, text: str) -> bool:
    """Whether a pattern takes a text; a final `*` stands for one or more characters."""
    if pattern is None:
        return True
    if pattern.endswith("*"):
        return len(text) >= len(pattern) and text.startswith(pattern[:-1])
    return text == pattern
