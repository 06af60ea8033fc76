"""Interests: what one definition listens to, and what becomes of an event that it hears.

In: definitions, by `match_index`, and the events that got through its sieve. Out: `Hit`s.
Expressions are read and compiled when an event needs them first: a registry of thousands is ready
at once, and what is never heard of is never compiled.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.trigger import OnError, TriggerSet
from activity_core.core.definition.trigger_pattern import EventPattern
from activity_core.core.errors import ExpressionError
from activity_core.core.event.patterns import uncovered
from activity_core.core.event.stored_event import StoredEvent
from activity_core.core.expression.condition import Bindings, compile_expression
from activity_core.core.flow.group import Stage
from activity_core.core.jsontext import canonical_json
from activity_core.core.matching.clauses import Clauses, clauses_of
from activity_core.core.matching.conjuncts import EVENT_VARIABLES

LONGEST_KEY = 1_000
"""Characters of a key's JSON text."""

_KEYED = (
    (Stage.COLLECT, "batch"),
    (Stage.COLLECT, "debounce"),
    (Stage.THROTTLE, "throttle"),
    (Stage.ORDER, "order"),
    (Stage.CONCURRENCY, "concurrency"),
)


@dataclass(frozen=True, slots=True)
class Hit:
    """A definition that an event is for, or failed on.

    Attributes:
        parts: of a composite, those that the event may be, in its order; else empty.
        dedupe_key: canonical JSON text; None if the definition has none.
        keys: by stage, canonical JSON text of what its `key` gave; absent: it has none.
        failed: why the filter or a key could not be had; empty if nothing failed.
        bury: whether the definition wants the dead letters to have the event that failed.
    """

    definition_id: str
    version: int
    parts: tuple[str, ...] = ()
    dedupe_key: str | None = None
    keys: Mapping[Stage, str] = field(default_factory=dict)
    failed: str = ""
    bury: bool = False


class Heard:
    """An event as clauses see it, and as CEL does once an expression needs that."""

    __slots__ = ("_bindings", "_event", "excerpt")

    def __init__(self, event: StoredEvent, excerpt: Mapping[str, Any]) -> None:
        self._event = event
        self._bindings: Bindings | None = None
        self.excerpt = excerpt

    @property
    def bindings(self) -> Bindings:
        """For expressions over `event`.

        Raises:
            ExpressionError: it nests too deeply.
            InvalidEventError: it is not readable.
        """
        if self._bindings is None:
            self._bindings = Bindings({"event": self._event.envelope.for_conditions()})
        return self._bindings


class Listener:
    """One definition that listens to events, in one version."""

    def __init__(self, definition: ActivityDefinition, version: int) -> None:
        trigger = definition.trigger
        self.definition_id = definition.id
        self.is_composite = trigger.composite is not None
        self.on_error = trigger.event.on_error if trigger.event else OnError.FALSE
        self._plain = Hit(definition.id, version)
        self.interests = tuple(Interest(self, *part) for part in _parts(trigger))
        self._keys = tuple(_key_expressions(definition))

    def hit(self, heard: Heard, parts: Collection[str] = ()) -> Hit:
        """The hit for an event that passed the filter, of a composite those of some `parts`."""
        if not self._keys and not parts:
            return self._plain
        in_order = tuple(each.part for each in self.interests if each.part in parts)
        keys: dict[Stage, str] = {}
        for stage, name, text in self._keys:
            try:
                keys[stage] = key_of(text, heard.bindings)
            except ExpressionError as error:
                return replace(self._plain, parts=in_order, failed=f"{name}: {error}")
        dedupe_key = keys.pop(Stage.SEEN, None)
        return replace(self._plain, parts=in_order, dedupe_key=dedupe_key, keys=keys)

    def failures(self, error: ExpressionError) -> Iterator[Hit]:
        """What becomes of an event on which the filter failed: nothing, if that is no match."""
        if self.on_error is not OnError.FALSE:
            bury = self.on_error is OnError.DEAD_LETTER
            yield replace(self._plain, failed=f"filter: {error}", bury=bury)


class Interest:
    """A pattern that a listener listens to: its only one, or a part of its composite."""

    def __init__(self, listener: Listener, part: str, pattern: EventPattern) -> None:
        self.listener = listener
        self.part = part
        self.types = uncovered(pattern.all_types)
        self.source = pattern.source or "*"
        self._filter = pattern.filter

    @cached_property
    def clauses(self) -> Clauses:
        """What the index may drop it by: nothing, if its errors are wanted."""
        if self._filter is None:
            return Clauses((), whole=True)
        if self.listener.on_error is not OnError.FALSE:
            return Clauses((), whole=False)
        try:
            return clauses_of(self._filter)
        except ExpressionError:  # published before CEL became stricter: it fails on every event
            return Clauses((), whole=False)

    def passes(self, heard: Heard) -> bool:
        """What CEL says of an event that its clauses take.

        Raises:
            ExpressionError: the filter fails.
        """
        if self._filter is None or self.clauses.whole:
            return True
        return compile_expression(self._filter, variables=EVENT_VARIABLES).holds(heard.bindings)


def _parts(trigger: TriggerSet) -> Iterable[tuple[str, EventPattern]]:
    """All patterns of a trigger by name; an event trigger's only one has none."""
    if trigger.composite is not None:
        return trigger.composite.parts
    return (("", trigger.event),) if trigger.event is not None else ()


def _key_expressions(definition: ActivityDefinition) -> Iterator[tuple[Stage, str, str]]:
    """Stage, name and text of every key that a definition asks for."""
    trigger = definition.trigger
    if definition.correlation is not None:
        yield Stage.CASE, "correlation", definition.correlation
    if trigger.composite is not None and trigger.composite.key is not None:
        yield Stage.COLLECT, "composite.key", trigger.composite.key
    if (event := trigger.event) is None:
        return
    if event.dedupe_key is not None:
        yield Stage.SEEN, "dedupe_key", event.dedupe_key
    for stage, name in _KEYED:
        control = getattr(event, name)
        if control is not None and control.key is not None:
            yield stage, f"{name}.key", control.key


def key_of(text: str, bindings: Bindings) -> str:
    """What a key's expression gives, as canonical JSON text.

    Raises:
        ExpressionError: it fails, gives nothing, or gives too much.
    """
    value = compile_expression(text, variables=EVENT_VARIABLES).evaluate(bindings)
    if value is None:  # would make one of all events that lack it
        raise ExpressionError("is null")
    key = canonical_json(value).decode()
    if len(key) > LONGEST_KEY:
        raise ExpressionError(f"is longer than {LONGEST_KEY:,} characters")
    return key
