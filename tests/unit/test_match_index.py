"""The match index: who listens, whom an event is for, what a hit carries, what it costs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.event.patterns import takes
from activity_core.core.event.stored_event import StoredEvent
from activity_core.core.expression.condition import Bindings, Program
from activity_core.core.flow.group import Stage
from activity_core.core.matching.match_index import Hit, MatchIndex

RULES = [{"id": "r", "tasks": [{"id": "t", "human": {"title": "T"}}]}]


def definition(id_: Any = "d", **event: Any) -> Any:
    return triggered({"event": event}, id_)


def triggered(trigger: Any, id_: Any = "d") -> Any:
    return ActivityDefinition.model_validate({"id": id_, "trigger": trigger, "rules": RULES})


def event(type_: Any = "order.created", data: Any = None, source: Any = "/shop") -> Any:
    return StoredEvent.of(EventEnvelope(id="1", source=source, type=type_, data=data))


def index(*definitions: Any) -> MatchIndex:
    made = MatchIndex()
    for item in definitions:
        made.put(item, 3)
    return made


def hits(subject: Any, *definitions: Any) -> Any:
    return list(index(*definitions).match(subject).hits)


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
    assert bool(hits(event(type_), definition(type=pattern))) is expected


@pytest.mark.parametrize(
    ("source", "expected"), [("/shop", True), ("/shops", False), ("/sh*", True), ("/shop*", False)]
)
def test_source_patterns(source: Any, expected: Any) -> None:
    assert bool(hits(event(), definition(type="*", source=source))) is expected


def test_each_definition_once_in_the_order_of_ids() -> None:
    matches = index(
        definition("c", types=["order.*", "order.created", "*"]),
        definition("a", type="*"),
        definition("b", type="order.created"),
        definition("f", type="order.created", filter="event.data == 1"),
        definition("z", type="invoice.paid"),
    ).match(event())
    assert [hit.definition_id for hit in matches.hits] == ["a", "b", "c"]
    assert matches.listened == 4


def test_a_definition_may_be_replaced_and_removed() -> None:
    made = index(definition(type="a"))
    made.put(definition(type="b"), 4)
    assert not made.match(event("a")).listened
    assert made.match(event("b")).hits == [Hit("d", 4)]
    made.remove("d")
    made.remove("d")
    assert not made.match(event("b")).listened


@pytest.mark.parametrize(
    ("data", "holds", "reason"),
    [
        ({"amount": 150}, True, ""),
        ({"amount": 100.5}, True, ""),
        ({"amount": 100}, False, ""),
        ({"amount": "150"}, False, "filter: No matching overloads"),
        ({}, False, 'filter: Key not found in map : "amount"'),
        (None, False, "filter: "),
    ],
)
def test_a_filter_that_fails(data: Any, holds: Any, reason: Any) -> None:
    text = "event.data.amount > 100"
    assert bool(hits(event(data=data), definition(type="*", filter=text))) is holds
    for on_error, bury in (("failed", False), ("dead_letter", True)):
        found = hits(event(data=data), definition(type="*", filter=text, on_error=on_error))
        assert [hit.bury for hit in found] == ([bury] if reason else [False] * holds)
        assert all(
            hit.failed.startswith(reason) and bool(hit.failed) is bool(reason) for hit in found
        )


@pytest.mark.parametrize("text", ["event.data", "nothing == 1", "event.data =="])
def test_what_is_no_condition_is_a_failure(text: str) -> None:
    assert hits(event(data="x"), definition(type="*", filter=text)) == []
    (hit,) = hits(event(data="x"), definition(type="*", filter=text, on_error="failed"))
    assert hit.failed.startswith("filter: ")


def test_keys_are_canonical_json() -> None:
    keyed = definition(
        type="*",
        dedupe_key="[event.data.b, event.data.a]",
        debounce={"quiet": "1s", "key": "event.source"},
        throttle={"limit": 1, "per": "1s"},
        order={"key": "event.data.n + 1"},
        concurrency={"key": "event.data.a"},
    )
    (hit,) = hits(event(data={"a": {"y": 1, "x": 2}, "b": "ä", "n": 1}), keyed)
    assert hit.dedupe_key == '["\\u00e4",{"x":2,"y":1}]'
    assert hit.keys == {
        Stage.COLLECT: '"/shop"',
        Stage.ORDER: "2",
        Stage.CONCURRENCY: '{"x":2,"y":1}',
    }


@pytest.mark.parametrize(
    ("control", "data", "reason"),
    [
        ({"dedupe_key": "event.data.id"}, {}, "dedupe_key: Key not found"),
        ({"dedupe_key": "event.data.id"}, {"id": None}, "dedupe_key: is null"),
        ({"batch": {"max_wait": "1s", "key": "event.data.id"}}, {"id": None}, "batch.key: is null"),
        ({"order": {"key": "event.data.id"}}, {"id": "x" * 999}, "order.key: is longer than 1,000"),
    ],
)
def test_a_key_that_fails(control: Any, data: Any, reason: Any) -> None:
    (hit,) = hits(event(data=data), definition(type="*", **control))
    assert (hit.dedupe_key, hit.keys, hit.bury) == (None, {}, False)
    assert hit.failed.startswith(reason)


def test_a_key_may_be_long() -> None:
    (hit,) = hits(event(data="x" * 998), definition(type="*", dedupe_key="event.data"))
    assert len(hit.dedupe_key) == 1_000


def test_a_filtered_event_needs_no_key() -> None:
    assert hits(event(), definition(type="*", filter="false", dedupe_key="event.data.id")) == []


def test_parts_of_a_composite() -> None:
    composite = triggered(
        {
            "composite": {
                "all_of": [
                    {"name": "paid", "type": "order.*", "filter": "event.data.paid"},
                    {"name": "made", "type": "order.created"},
                    {"name": "sent", "type": "order.sent"},
                ],
                "key": "event.source",
                "within": "1h",
            }
        }
    )
    made = index(composite, definition("e", type="*"))
    matches = made.match(event(data={"paid": True}))
    assert matches.listened == 2
    assert matches.hits[0] == Hit("d", 3, ("paid", "made"), keys={Stage.COLLECT: '"/shop"'})
    assert made.match(event("order.sent")).hits[0].parts == ("sent",)
    assert [hit.definition_id for hit in made.match(event("order.x")).hits] == ["e"]
    assert made.match(event("order.x")).listened == 2
    made.remove("d")
    assert made.match(event()).listened == 1


def test_who_has_no_event_trigger_does_not_listen() -> None:
    assert index(triggered({"interval": {"every": "10s"}})).match(event()).listened == 0


WHOLLY_INDEXED = [
    "event.data.a == 1 && event.data['b'].c == 'x'",
    "1.0 == event.data.a && event.data.b.c in ['x', 'y', null]",
    "event.data.a == 7 || event.data.a == 1",
    "has(event.data.a) && event.data.b.c.startsWith('x')",
    "event.data.a > 0 && 2 > event.data.a && event.data.a != 5",
    "event.data.yes && !event.data.no",
    "event.type == 'order.created' && event.source != '/x' && event.subject == ''",
]


@pytest.mark.parametrize("text", WHOLLY_INDEXED)
def test_no_cel_for_what_is_wholly_indexed(text: str, monkeypatch: Any) -> None:
    def forbidden(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(Program, "holds", forbidden)
    monkeypatch.setattr(Bindings, "__init__", forbidden)
    data = {"a": 1, "b": {"c": "x"}, "yes": True, "no": False}
    assert hits(event(data=data), definition(type="*", filter=text))


def test_cel_is_asked_about_candidates_only(monkeypatch: Any) -> None:
    asked: list[str] = []
    holds = Program.holds

    def noted(program: Program, values: Any) -> bool:
        asked.append(program.text)
        return holds(program, values)

    monkeypatch.setattr(Program, "holds", noted)
    many = [
        definition(f"d{n}", type="*", filter=f"event.data.n == {n} && size(event.data.t) > 1")
        for n in range(1_000)
    ]
    (hit,) = hits(event(data={"n": 77, "t": "ab"}), *many)
    assert (hit.definition_id, len(asked)) == ("d77", 1)


@pytest.mark.parametrize(
    "text",
    [
        "event.data.a == 'x{n}'",
        "event.data.same == 1 && event.data.a in ['x{n}', 'y{n}']",
        "event.data.a.startsWith('x{n}.')",
        "event.data.b >= {n} && event.data.b < {n}.5",
        "has(event.data.x{n})",
        "event.data.f{n} == 1",
        "event.data.same == 1 && event.data.b >= {n} && event.data.b <= {n}.5",
    ],
)
def test_an_event_meets_few_of_many(text: str, monkeypatch: Any) -> None:
    """Tests of clauses are counted: they are what an event costs."""
    many = [definition(f"d{n}", type="*", filter=text.format(n=n)) for n in range(2_000)]
    made = index(*many)
    about = event(data={"same": 1, "a": "x7.", "b": 7.25, "f7": 1, "x7": None})
    about = about if ".a" not in text or "starts" in text else event(data={"same": 1, "a": "x7"})
    made.match(about)
    asked: list[Any] = []
    monkeypatch.setattr(
        "activity_core.core.matching.sieve.value_at", lambda path, _: asked.append(path)
    )
    found = made.match(about)
    assert len(asked) < 20
    monkeypatch.undo()
    assert [hit.definition_id for hit in made.match(about).hits] == ["d7"]
    assert found.listened == 2_000


def test_sieves_forget_what_is_taken_out() -> None:
    made = index(*(definition(f"d{n}", type="*", filter=f"event.data.a == {n}") for n in range(50)))
    made.match(event())
    for n in range(50):
        made.remove(f"d{n}")
    assert not made._types


names = st.text("ab.", min_size=1, max_size=5)
patterns = st.tuples(names, st.sampled_from(["", "*"])).map("".join) | st.just("*")


@given(st.lists(st.lists(patterns, min_size=1, max_size=3), max_size=8), names)
def test_it_finds_what_the_patterns_say(definitions: Any, type_: Any) -> None:
    listening = [definition(f"d{n}", types=types) for n, types in enumerate(definitions)]
    matches = index(*listening).match(event(type_))
    expected = {
        f"d{n}"
        for n, types in enumerate(definitions)
        if any(takes(pattern, type_) for pattern in types)
    }
    assert {hit.definition_id for hit in matches.hits} == expected
    assert matches.listened == len(expected)


def test_what_never_matches_goes_as_it_came() -> None:
    never = [f"event.data.a in [] && event.data.a == {n}" for n in range(20)]
    some = [f"event.data.a > {n} && event.data.a < {n}" for n in range(20)]
    made = index(*(definition(f"d{n}", type="*", filter=t) for n, t in enumerate(never + some)))
    assert not made.match(event(data={"a": 1})).hits
    for n in range(40):
        made.remove(f"d{n}")
    assert not made._types
