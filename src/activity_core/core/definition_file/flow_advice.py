"""Advice about flow control: what is allowed, but hardly meant.

In: a valid definition. Out: warnings, each as a key path in YAML's spelling and a sentence. Called
by `review`.
"""

import re
from collections.abc import Iterator

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.flow_control import Excess, Keep, WhenFull
from activity_core.core.definition.trigger import EventTriggerConfig
from activity_core.core.expression.template import Path
from activity_core.core.jsontext import canonical_json

Advice = Iterator[tuple[Path, str]]

_EVENTS = re.compile(rb"(?<![\w.])events\b")
_HERE: Path = ("trigger", "event")


def advise_on_flow(definition: ActivityDefinition) -> list[tuple[Path, str]]:
    """Warnings; none for a definition without an event trigger."""
    event = definition.trigger.event
    if event is None:
        return []
    return [
        *_window_of_nothing(event),
        *_many_events_that_nobody_sees(definition, event),
        *_order_is_one_at_a_time(event),
        *_drops_all_that_was_collected(event),
    ]


def _window_of_nothing(event: EventTriggerConfig) -> Advice:
    collects = event.batch or event.debounce
    if "dedupe_window" in event.model_fields_set and not (event.dedupe_key and collects):
        message = (
            "says nothing without `dedupe_key` and one of `batch`, `debounce`: "
            "runs of single events count as seen for ever"
        )
        yield (*_HERE, "dedupe_window"), message


def _many_events_that_nobody_sees(
    definition: ActivityDefinition, event: EventTriggerConfig
) -> Advice:
    whole_burst = event.debounce is not None and event.debounce.keep is Keep.ALL
    if not (event.batch or whole_burst):
        return
    document = definition.document()
    asked = canonical_json([document.get("context"), document["rules"]])
    if not _EVENTS.search(asked):
        name = "batch" if event.batch else "debounce"
        message = "a run has many events, but no expression asks for `events`; `event` is only one"
        yield (*_HERE, name), message


def _order_is_one_at_a_time(event: EventTriggerConfig) -> Advice:
    order, concurrency = event.order, event.concurrency
    if order and concurrency and concurrency.key == order.key:
        message = (
            "`order` lets one run of a key start when the last one is over: needless beside it"
        )
        yield (*_HERE, "concurrency"), message


def _drops_all_that_was_collected(event: EventTriggerConfig) -> Advice:
    if event.batch is None:
        return
    dropping: list[Path] = []
    if event.throttle and event.throttle.excess is Excess.DROP:
        dropping.append(("throttle", "excess"))
    if event.concurrency and event.concurrency.when_full is WhenFull.DROP:
        dropping.append(("concurrency", "when_full"))
    for path in dropping:
        yield (*_HERE, *path), f"drops whole batches, of up to {event.batch.max_size} events each"
