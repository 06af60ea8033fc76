"""Matching: which definitions an event is for.

In: the registry's definitions, indexed by their type patterns (`Matcher`), and events. Out: a
`Match` per definition that listens to the event's type and source, with what its filter said.
An expression is compiled when the first event needs it: a registry of thousands is ready at once.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from activity_core.core.decision import Outcome
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.trigger import EventTriggerConfig
from activity_core.core.errors import ExpressionError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.event.patterns import PatternIndex, takes
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
        self._listeners = PatternIndex(_by_pattern(definitions))

    def match(self, event: EventEnvelope) -> list[Match]:
        """One per definition that listens, in the order of their ids."""
        taking = self._listeners.taking(event.type)
        listeners = {listener.definition_id: listener for listener in taking}
        if not listeners:
            return []
        bindings = Bindings({"event": event.for_conditions()})
        return [
            listener.match(bindings)
            for _, listener in sorted(listeners.items())
            if takes(listener.trigger.source, event.source)
        ]


def _by_pattern(
    definitions: Iterable[tuple[ActivityDefinition, int]],
) -> Iterator[tuple[str, _Listener]]:
    for definition, version in definitions:
        if (trigger := definition.trigger.event) is not None:
            listener = _Listener(definition.id, version, trigger)
            for pattern in set(trigger.all_types):
                yield pattern, listener
