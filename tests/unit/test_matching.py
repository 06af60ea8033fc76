"""Matching: which definitions listen, what their filters say, in which order."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.decision import Outcome
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.event.patterns import takes
from activity_core.core.rules.matching import Match, Matcher


def definition(id_: Any = "d", **event: Any) -> Any:
    return ActivityDefinition.model_validate(
        {
            "id": id_,
            "trigger": {"event": event},
            "rules": [{"id": "r", "tasks": [{"id": "t", "human": {"title": "T"}}]}],
        }
    )


def event(type_: Any = "order.created", data: Any = None, source: Any = "/shop") -> Any:
    return EventEnvelope(id="1", source=source, type=type_, data=data)


def matched(subject: Any, *definitions: Any) -> Any:
    return Matcher([(item, 3) for item in definitions]).match(subject)


@pytest.mark.parametrize(
    ("pattern", "type_", "expected"),
    [
        ("order.created", "order.created", True),
        ("order.created", "order.created.v2", False),
        ("order.*", "order.created", True),
        ("order.*", "order.created.v2", True),
        ("order.*", "order.", False),
        ("order.*", "order", False),
        ("order.*", "orders.created", False),
        ("*", "x", True),
        ("order*", "orders", True),
        ("order*", "order", False),
    ],
)
def test_type_patterns(pattern: Any, type_: Any, expected: Any) -> None:
    assert bool(matched(event(type_), definition(type=pattern))) is expected


@pytest.mark.parametrize(
    ("source", "expected"), [("/shop", True), ("/shops", False), ("/sh*", True), ("/shop*", False)]
)
def test_source_patterns(source: Any, expected: Any) -> None:
    assert bool(matched(event(), definition(type="*", source=source))) is expected


def test_each_definition_once_in_the_order_of_ids() -> None:
    definitions = [
        definition("c", types=["order.*", "order.created", "*"]),
        definition("a", type="*"),
        definition("b", type="order.created"),
        definition("z", type="invoice.paid"),
    ]
    assert [match.definition_id for match in matched(event(), *definitions)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("data", "outcome", "reason"),
    [
        ({"amount": 150}, Outcome.FIRED, ""),
        ({"amount": 100.5}, Outcome.FIRED, ""),
        ({"amount": 100}, Outcome.FILTERED, ""),
        ({"amount": "150"}, Outcome.FILTERED, "filter: No matching overloads"),
        ({}, Outcome.FILTERED, 'filter: Key not found in map : "amount"'),
        (None, Outcome.FILTERED, "filter: "),
    ],
)
def test_filters(data: Any, outcome: Any, reason: Any) -> None:
    (match,) = matched(event(data=data), definition(type="*", filter="event.data.amount > 100"))
    assert match.outcome is outcome
    assert match.reason.startswith(reason)
    assert bool(match.reason) is bool(reason)


def test_a_filter_that_is_no_condition_is_a_non_match() -> None:
    (match,) = matched(event(data="x"), definition(type="*", filter="event.data"))
    assert (match.outcome, match.reason) == (
        Outcome.FILTERED,
        "filter: must be true or false, is STRING",
    )


def test_dedupe_keys_are_canonical_json() -> None:
    keyed = definition(type="*", dedupe_key="[event.data.b, event.data.a]")
    (match,) = matched(event(data={"a": {"y": 1, "x": 2}, "b": "ä"}), keyed)
    assert match == Match("d", 3, Outcome.FIRED, '["\\u00e4",{"x":2,"y":1}]')


@pytest.mark.parametrize(
    ("data", "reason"), [({}, "Key not found"), ({"id": None}, "dedupe_key: is null")]
)
def test_a_dedupe_key_that_fails(data: Any, reason: Any) -> None:
    (match,) = matched(event(data=data), definition(type="*", dedupe_key="event.data.id"))
    assert match.outcome is Outcome.FAILED
    assert match.dedupe_key is None
    assert reason in match.reason


def test_a_filtered_event_needs_no_dedupe_key() -> None:
    both = definition(type="*", filter="false", dedupe_key="event.data.id")
    assert matched(event(), both) == [Match("d", 3, Outcome.FILTERED)]


def test_definitions_without_event_trigger_do_not_listen() -> None:
    slots = ActivityDefinition.model_validate(
        {
            "id": "d",
            "trigger": {"interval": {"every": "10s"}},
            "rules": [{"id": "r", "tasks": [{"id": "t", "human": {"title": "T"}}]}],
        }
    )
    assert matched(event(), slots) == []


names = st.text("ab.", min_size=1, max_size=5)
patterns = st.tuples(names, st.sampled_from(["", "*"])).map("".join) | st.just("*")


@given(st.lists(st.lists(patterns, min_size=1, max_size=3), max_size=8), names)
def test_the_index_finds_what_the_patterns_say(definitions: Any, type_: Any) -> None:
    listening = [definition(f"d{n}", types=types) for n, types in enumerate(definitions)]
    found = {match.definition_id for match in matched(event(type_), *listening)}
    assert found == {
        f"d{n}"
        for n, types in enumerate(definitions)
        if any(takes(pattern, type_) for pattern in types)
    }
