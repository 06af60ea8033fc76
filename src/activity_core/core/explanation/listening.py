"""Listening: what every definition that might be for an event makes of it, one by one.

In: definitions and an event. Out: per definition that listens to its type, whether it takes the
event, and if not, why not. The router asks an index (`matching`); here each is asked in words.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.trigger import TriggerSet
from activity_core.core.definition.trigger_pattern import EventPattern
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.event.patterns import takes
from activity_core.core.explanation.why_not import WhyNot, why_not
from activity_core.core.expression.condition import Bindings


@dataclass(frozen=True, slots=True)
class Heard:
    """A definition that listens to the type and the source of an event.

    `why_not` is None if it takes the event; of a composite, one of its parts.
    """

    definition_id: str
    version: int
    why_not: WhyNot | None


@dataclass(frozen=True, slots=True)
class OtherSource:
    """A definition that listens to the type, but of other sources: it does not count."""

    definition_id: str
    version: int
    sources: tuple[str, ...]


Versioned = tuple[ActivityDefinition, int]
"""A definition and the number of its version."""


def listening(
    definitions: Iterable[Versioned], event: EventEnvelope
) -> Iterator[Heard | OtherSource]:
    """All that listen to its type, in the order given."""
    bindings: Bindings | None = None
    for definition, version in definitions:
        typed = [part for part in named_parts(definition.trigger) if of_type(part[1], event.type)]
        if not typed:
            continue
        heard = [(name, part) for name, part in typed if takes(part.source, event.source)]
        if heard:
            bindings = bindings or Bindings({"event": event.for_conditions()})
            yield Heard(definition.id, version, _why_not(heard, bindings))
        else:
            sources = dict.fromkeys(part.source for _, part in typed if part.source)
            yield OtherSource(definition.id, version, tuple(sources))


def named_parts(trigger: TriggerSet) -> Sequence[tuple[str, EventPattern]]:
    """All that it listens to; parts of a composite have names, an event trigger has none."""
    if trigger.composite is not None:
        return trigger.composite.parts
    return [("", part) for part in trigger.heard]


def of_type(pattern: EventPattern, event_type: str) -> bool:
    """Whether events of a type are meant."""
    return any(takes(each, event_type) for each in pattern.all_types)


def _why_not(parts: Sequence[tuple[str, EventPattern]], bindings: Bindings) -> WhyNot | None:
    """None if one of them takes it."""
    found = []
    for name, part in parts:
        why = None if part.filter is None else why_not(part.filter, bindings)
        if why is None:
            return None
        found.append((name, why))
    if len(found) == 1 and not found[0][0]:
        return found[0][1]
    reason = "; ".join(f"{name}: {why.reason}" for name, why in found)
    first = next((why for _, why in found if not why.failed), found[0][1])
    return WhyNot(first.clause, reason, first.failed)
