"""Cycles among definitions: each is named whole, and nothing else is."""

from time import perf_counter
from typing import Any

import pytest
from tests.unit.test_source_files import NOW

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition_file.bundle import Bundle
from activity_core.core.definition_file.cycles import ANNOUNCED, MOST_CYCLES, cycles
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.definition_file.review import review
from activity_core.core.run import announcing


def definition(id_: str, hears: Any = None, *emits: str, source: str = "") -> ActivityDefinition:
    tasks: list[Any] = [{"id": f"t{n}", "emit": {"type": type_}} for n, type_ in enumerate(emits)]
    event = {"types": [hears] if isinstance(hears, str) else hears}
    trigger = {"event": event | ({"source": source} if source else {})} if hears else {"manual": {}}
    rules = [{"id": "r", "tasks": tasks or [{"id": "t", "human": {"title": "T"}}]}]
    return ActivityDefinition.model_validate({"id": id_, "trigger": trigger, "rules": rules})


def found(*coming: ActivityDefinition, staying: tuple[ActivityDefinition, ...] = ()) -> list[str]:
    told = cycles(coming, staying)
    assert all(message.split(": ")[1].split(" → ")[0] == id_ for id_, message in told)
    return [message.split(": ")[1].split(";")[0] for _, message in told]


A = definition("a", "order.y", "order.x")
B = definition("b", "order.x", "order.y")


def test_a_cycle_of_two_is_named_whole_and_once():
    assert found(A, B) == ["a → order.x → b → order.y → a"]
    assert found(B, A) == ["b → order.y → a → order.x → b"]


def test_one_that_hears_itself():
    assert found(definition("a", "order.*", "order.x")) == ["a → order.x → a"]


@pytest.mark.parametrize(
    "others",
    [
        (definition("b", "order.x"),),
        (definition("b", "order.x", "order.z"),),
        (definition("b", "order", "order.y"),),
        (definition("b", "order.x", "order.y", source="/shop"),),
        (definition("b", "order.x", "order.y", source="/shop/*"),),
        (definition("b", None, "order.y"),),
    ],
)
def test_what_does_not_go_round(others: tuple[ActivityDefinition, ...]):
    assert found(A, *others) == []


@pytest.mark.parametrize("source", ["*", "/*", "/activity-core/*", "/activity-core/main"])
def test_a_source_that_may_be_ours(source: str):
    assert found(A, definition("b", "order.x", "order.y", source=source))


def composite(id_: str, *emits: str, **trigger: Any) -> ActivityDefinition:
    document = definition(id_, None, *emits).document()
    return ActivityDefinition.model_validate(
        document | {"trigger": {"composite": {"within": "1m", **trigger}}}
    )


def test_every_part_of_a_composite_counts():
    parts = [{"type": "order.z"}, {"type": "order.x"}]
    cycle = ["a → order.x → b → order.y → a"]
    assert found(A, composite("b", "order.y", all_of=parts)) == cycle
    after = {"type": "order.z", "after": {"type": "order.x"}}
    assert found(A, composite("b", "order.y", absent=after)) == cycle
    elsewhere = [{"type": "order.z"}, {"type": "order.x", "source": "/shop"}]
    assert found(A, composite("b", "order.y", all_of=elsewhere)) == []


def test_a_cycle_through_a_composite_is_a_warning_at_it():
    item = composite("a", "order.x", count={"type": "order.*", "at_least": 2})
    [warning] = review(Bundle((item,)), None, NOW).warnings
    assert warning.path == "trigger.composite"


def test_a_pattern_needs_a_rest():
    assert found(definition("a", "order.x*", "order.x")) == []


@pytest.mark.parametrize("type_", ANNOUNCED)
def test_our_own_announcements_go_round(type_: str):
    assert found(definition("a", type_)) == [f"a → {type_} → a"]


def test_the_announcements_are_those_that_are_sent():
    verbs = {"created", *announcing._TASK_VERBS.values()}
    assert {each for each in ANNOUNCED if ".task." in each} == {
        f"activity-core.task.{verb}.v1" for verb in verbs
    }


def test_an_announcement_of_one_may_come_back_by_another():
    watcher = definition("watcher", "activity-core.run.failed.v1", "order.y")
    assert found(A, staying=(watcher,)) == [
        "a → activity-core.run.failed.v1 → watcher → order.y → a"
    ]


def test_what_stays_counts_but_is_only_named_beside_what_comes():
    assert found(A, staying=(B,)) == ["a → order.x → b → order.y → a"]
    assert found(definition("c"), staying=(A, B)) == []
    harmless = definition("b", "order.z")
    assert found(A, harmless, staying=(B,)) == []  # `b` is replaced


def test_the_shortest_is_named_and_everybody_on_one():
    ring = [definition(f"d{n}", f"t.{n}", f"t.{(n + 1) % 5}") for n in range(5)]
    short = definition("d0", "t.0", "t.1", "t.4")
    assert found(short, *ring[1:]) == [
        "d0 → t.4 → d4 → t.0 → d0",
        "d1 → t.2 → d2 → t.3 → d3 → t.4 → d4 → t.0 → d0 → t.1 → d1",
    ]


def test_many_definitions_are_looked_at_quickly():
    chain = [definition(f"d{n}", f"t.{n}", f"t.{n + 1}") for n in range(3_000)]
    loops = [definition(f"l{n}", f"l.{n}", f"l.{n}") for n in range(50)]
    started = perf_counter()
    assert found(*chain) == []
    assert len(found(*loops, *chain)) == MOST_CYCLES
    assert perf_counter() - started < 30


def test_a_cycle_is_a_warning_at_the_trigger():
    text = """\
id: a
trigger: {event: {type: order.y}}
rules: [{id: r, tasks: [{id: t, emit: {type: order.x}}]}]
---
id: b
trigger: {event: {type: order.x}}
rules: [{id: r, tasks: [{id: t, emit: {type: order.y}}]}]
"""
    bundle = parse_definitions(text, file="f.yaml")
    both = review(bundle, None, NOW)
    assert both.refusals == []
    [warning] = both.warnings
    assert str(warning).startswith(
        "f.yaml:2:18: trigger.event: may cause itself: a → order.x → b → order.y → a; filters"
    )
    assert review(Bundle(bundle.definitions[:1]), None, NOW).warnings == []
