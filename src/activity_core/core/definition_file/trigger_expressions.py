"""Trigger expressions: all CEL that is asked about an event before there is a run.

In: the triggers of a definition. Out: each expression with its key path in YAML's spelling, in
the order of the models. Read by `check`, which compiles them.
"""

from collections.abc import Iterator

from activity_core.core.definition.composite import CompositeTriggerConfig
from activity_core.core.definition.trigger import EventTriggerConfig, TriggerSet
from activity_core.core.expression.template import Path

_WITH_KEYS = ("batch", "debounce", "throttle", "order", "concurrency")


def filters(trigger: TriggerSet) -> Iterator[tuple[Path, str]]:
    """Those that say whether an event is one that it waits for."""
    if (event := trigger.event) and event.filter is not None:
        yield ("trigger", "event", "filter"), event.filter
    if composite := trigger.composite:
        for place, (_, part) in zip(_places(composite), composite.parts, strict=True):
            if part.filter is not None:
                yield (*place, "filter"), part.filter


def keys(trigger: TriggerSet) -> Iterator[tuple[Path, str]]:
    """Those that say which events belong together."""
    if event := trigger.event:
        yield from _keys_of_event(event)
    if (composite := trigger.composite) and composite.key is not None:
        yield ("trigger", "composite", "key"), composite.key


def _keys_of_event(event: EventTriggerConfig) -> Iterator[tuple[Path, str]]:
    here: Path = ("trigger", "event")
    if event.dedupe_key is not None:
        yield (*here, "dedupe_key"), event.dedupe_key
    for name in _WITH_KEYS:
        control = getattr(event, name)
        if control is not None and control.key is not None:
            yield (*here, name, "key"), control.key


def _places(composite: CompositeTriggerConfig) -> list[Path]:
    """Where its parts stand, in their order."""
    here: Path = ("trigger", "composite", composite.given)
    if composite.absent_ is not None:
        return [(*here, "after"), here] if composite.absent_.after else [here]
    if composite.count_ is not None:
        return [here]
    return [(*here, index) for index in range(len(composite.parts))]
