"""Advice about flow control: each rule with its place, and the case that is just right."""

from typing import Any

import pytest
from tests.unit.test_source_files import NOW

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition_file.bundle import Bundle
from activity_core.core.definition_file.flow_advice import advise_on_flow
from activity_core.core.definition_file.review import review

BATCH = {"max_wait": "2s"}
ALL = "${size(events)} came"


def definition(title: str = ALL, **event: Any) -> ActivityDefinition:
    rules = [{"id": "r", "tasks": [{"id": "t", "human": {"title": title}}]}]
    document = {"id": "d", "trigger": {"event": {"type": "a", **event}}, "rules": rules}
    return ActivityDefinition.model_validate(document)


def advice(title: str = ALL, **event: Any) -> list[str]:
    found = advise_on_flow(definition(title, **event))
    return [f"{'.'.join(map(str, path))}: {message}" for path, message in found]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"batch": BATCH},
        {"batch": BATCH, "dedupe_key": "event.id", "dedupe_window": "1h"},
        {"batch": BATCH, "throttle": {"limit": 1, "per": "1s"}, "concurrency": {}},
        {"throttle": {"limit": 1, "per": "1s", "excess": "drop"}},
        {"concurrency": {"when_full": "drop"}},
        {"order": {"key": "event.subject"}, "concurrency": {"limit": 4}},
        {"order": {"key": "event.subject"}, "concurrency": {"key": "event.source"}},
    ],
)
def test_nothing_is_said_of_what_is_right(event: dict[str, Any]) -> None:
    assert advice(**event) == []


@pytest.mark.parametrize("debounce", [{"quiet": "1s"}, {"quiet": "1s", "keep": "first"}])
def test_a_burst_of_which_one_is_kept_needs_no_events(debounce: dict[str, Any]) -> None:
    assert advice("${event.id}", debounce=debounce) == []


@pytest.mark.parametrize("title", ["T", "${event.events}", "${event.data.our_events}"])
@pytest.mark.parametrize(
    "collector", [{"batch": BATCH}, {"debounce": {"quiet": "1s", "keep": "all"}}]
)
def test_events_that_nobody_asks_for(title: str, collector: dict[str, Any]) -> None:
    [name] = collector
    expected = "a run has many events, but no expression asks for `events`; `event` is only one"
    assert advice(title, **collector) == [f"trigger.event.{name}: {expected}"]


@pytest.mark.parametrize("more", [{}, {"dedupe_key": "event.id"}, {"batch": BATCH}])
def test_a_window_in_which_nothing_is_held(more: dict[str, Any]) -> None:
    [said] = advice(dedupe_window="1h", **more)
    assert said.startswith("trigger.event.dedupe_window: says nothing without `dedupe_key` and one")


@pytest.mark.parametrize("key", [{}, {"key": "event.subject"}])
def test_order_is_one_at_a_time_already(key: dict[str, str]) -> None:
    [said] = advice(order=key, concurrency={"limit": 2, **key})
    assert said.startswith("trigger.event.concurrency: `order` lets one run of a key start")


def test_what_drops_a_batch_drops_all_of_it() -> None:
    throttle = {"limit": 1, "per": "1s", "excess": "drop"}
    expected = "drops whole batches, of up to 50 events each"
    assert advice(
        batch=BATCH | {"max_size": 50}, throttle=throttle, concurrency={"when_full": "drop"}
    ) == [
        f"trigger.event.throttle.excess: {expected}",
        f"trigger.event.concurrency.when_full: {expected}",
    ]


def test_it_is_a_warning_of_the_review() -> None:
    [warning] = review(Bundle((definition("T", batch=BATCH),)), None, NOW).warnings
    assert warning.path == "trigger.event.batch"
