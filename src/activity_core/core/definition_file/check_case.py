"""The check of lifecycles: what `lifecycle: ongoing` needs, and what only goes with it.

Part of the `check` of a definition.
"""

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.lifecycle import MOST_STATE_BYTES, STATE_VARIABLES
from activity_core.core.definition_file.expressions import Expressions, Issues
from activity_core.core.expression.template import Path
from activity_core.core.jsontext import canonical_json
from activity_core.core.matching.match_index import EVENT_VARIABLES

_ONLY_ONGOING = ("correlation", "state", "timers", "ends_when", "migrate")
_FLOW_CONTROL = ("batch", "debounce", "throttle", "order", "concurrency")


def case_issues(definition: ActivityDefinition, expressions: Expressions) -> Issues:
    """Everything wrong with its lifecycle, in the order of the keys."""
    if definition.lifecycle != "ongoing":
        for key in _ONLY_ONGOING:
            if key in definition.model_fields_set:
                yield (key,), "belongs to `lifecycle: ongoing`"
        return
    if definition.correlation is None:
        yield ("lifecycle",), "`ongoing` needs `correlation`: what the events of a case share"
    else:
        yield from expressions.expression(("correlation",), definition.correlation, EVENT_VARIABLES)
    yield from _state(definition, expressions)
    yield from _trigger(definition)


def _state(definition: ActivityDefinition, expressions: Expressions) -> Issues:
    state = definition.state
    size = len(canonical_json(state.initial))
    if size > MOST_STATE_BYTES:
        yield ("state", "initial"), f"has {size} bytes, over the limit of {MOST_STATE_BYTES}"
    if state.update is not None:
        here: Path = ("state", "update")
        types = ("MAP", "DYN")
        yield from expressions.expression(here, state.update, STATE_VARIABLES, "a map", types)
    if definition.ends_when is not None:
        yield from expressions.condition(("ends_when",), definition.ends_when, STATE_VARIABLES)


def _trigger(definition: ActivityDefinition) -> Issues:
    trigger = definition.trigger
    for kind in trigger.kinds:
        if kind != "event":
            yield ("trigger", kind), "ongoing definitions have an `event` trigger and no other"
    if trigger.event is None:
        return
    for key in _FLOW_CONTROL:
        if getattr(trigger.event, key) is not None:
            yield (
                ("trigger", "event", key),
                "does not go with `lifecycle: ongoing`: its runs are carried out one by one",
            )
