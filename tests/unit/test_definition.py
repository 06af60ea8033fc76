"""A definition survives its way through the store, and knows what it needs."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from tests.unit.definition_texts import CONNECTIONS, CRON, DESIGN_EVENT, EVENT, FORM, MANUAL, PARTS

from activity_core.core.definition.definition import ActivityDefinition, definition_from_document
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.flow.step import stages_of


def read(text: str) -> ActivityDefinition:
    (found,) = parse_definitions(text, file="f", read_form=lambda _: FORM).definitions
    return found


def build(**changes: Any) -> ActivityDefinition:
    task = {"id": "t", "human": {"title": "Do it"}}
    document = {"id": "d", "trigger": {"manual": {}}, "rules": [{"id": "r", "tasks": [task]}]}
    return ActivityDefinition.model_validate(document | changes)


def with_task(**task: Any) -> ActivityDefinition:
    return build(rules=[{"id": "r", "tasks": [{"id": "t"} | task]}])


@pytest.mark.parametrize("text", [CRON, EVENT, DESIGN_EVENT, MANUAL, *PARTS])
def test_comes_back_from_its_document_the_same(text: str) -> None:
    definition = read(text)
    again = definition_from_document(definition.document())
    assert again == definition
    assert again.digest == definition.digest


def test_equal_meanings_have_one_digest() -> None:
    one = with_task(human={"title": "x", "due": "P2D"}, retry={"backoff": "60s..2m"})
    two = with_task(retry={"backoff": "1m..PT2M"}, human={"due": "48h", "title": "x"})
    assert one.digest == two.digest
    assert one.digest != with_task(human={"title": "y", "due": "P2D"}).digest


def test_a_source_that_changes_only_its_backoff_keeps_that() -> None:
    definition = build(context={"a": {"static": 1, "retry": {"backoff": "2s..5m"}}})
    again = definition_from_document(definition.document())
    assert again.context["a"].retry.backoff.first == timedelta(seconds=2)
    assert again == definition


def test_a_definition_cannot_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        build().id = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": "-a"}, "pattern"),
        ({"id": "a" * 65}, "pattern"),
        ({"id": "a\n"}, "pattern"),
        ({"rules": []}, "at least 1"),
        ({"trigger": {}}, "at least one of cron, interval, calendar, event, composite, manual"),
        ({"enabled": "yes"}, "valid boolean"),
        ({"trigger": {"event": {}}}, "either `type` or a non-empty list `types`"),
        ({"trigger": {"event": {"type": "a", "types": ["b"]}}}, "either `type`"),
        ({"trigger": {"event": {"type": "a*b"}}}, "pattern"),
        ({"trigger": {"cron": {}}}, "either `expression`"),
        ({"trigger": {"cron": {"expression": "99 * * * *"}}}, "minute `99`"),
        ({"trigger": {"interval": {"every": "500ms"}}}, "greater than or equal"),
        ({"trigger": {"interval": {"every": "1500ms"}}}, "whole seconds"),
        ({"trigger": {"interval": {"every": "10s", "offset": "10s"}}}, "shorter than `every`"),
        ({"trigger": {"interval": {"every": "10s", "jitter": "10s"}}}, "shorter than `every`"),
        (
            {
                "trigger": {
                    "cron": {"expression": "@daily", "jitter": "5s"},
                    "interval": {"every": "1h"},
                }
            },
            "the same `jitter`",
        ),
        ({"context": {"a": {}}}, "exactly one of static, event, config, sql, http, python"),
        ({"context": {"a": {"static": 1, "event": "event"}}}, "found static, event"),
    ],
)
def test_what_a_definition_must_keep(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        build(**changes)


def test_what_it_listens_to() -> None:
    parts = [{"type": "a", "name": "first"}, {"types": ["b", "c.*"]}]
    trigger = build(trigger={"composite": {"sequence": parts, "within": "1m"}}).trigger
    assert trigger.kinds == ["composite"]
    assert [part.all_types for part in trigger.heard] == [("a",), ("b", "c.*")]
    assert trigger.composite is not None
    assert [name for name, _ in trigger.composite.parts] == ["first", "b|c.*"]
    assert build(trigger={"event": {"type": "a"}}).trigger.heard[0].all_types == ("a",)
    assert build().trigger.heard == ()


@pytest.mark.parametrize(
    ("absent", "names"),
    [
        ({"type": "a"}, ["a"]),
        ({"type": "a", "after": {"type": "b"}}, ["b", "a"]),
        ({"type": "a", "name": "x", "after": {"type": "b", "name": "y"}}, ["y", "x"]),
    ],
)
def test_parts_of_an_absence(absent: dict[str, Any], names: list[str]) -> None:
    composite = build(trigger={"composite": {"absent": absent, "within": "1m"}}).trigger.composite
    assert composite is not None
    assert [name for name, _ in composite.parts] == names


@pytest.mark.parametrize(
    ("control", "controlled"),
    [
        ({}, False),
        ({"priority": 1, "dedupe_key": "event.id", "on_error": False}, False),
        ({"batch": {"max_wait": "2s"}}, True),
        ({"debounce": {"quiet": "2s"}}, True),
        ({"throttle": {"limit": 1, "per": "2s"}}, True),
        ({"order": {}}, True),
        ({"concurrency": {}}, True),
    ],
)
def test_whether_events_may_wait(control: dict[str, Any], *, controlled: bool) -> None:
    trigger = build(trigger={"event": {"type": "a"} | control}).trigger
    assert bool(stages_of(trigger)) is controlled


def test_a_burst_ends_even_if_nobody_says_when() -> None:
    def longest(**debounce: str) -> timedelta:
        event = build(trigger={"event": {"type": "a", "debounce": debounce}}).trigger.event
        assert event is not None
        assert event.debounce is not None
        return event.debounce.longest

    assert longest(quiet="3s") == timedelta(seconds=30)
    assert longest(quiet="20d") == timedelta(days=31)
    assert longest(quiet="3s", max_wait="3s") == timedelta(seconds=3)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"for_each": "context.a"}, "`for_each` and `as` belong together"),
        ({"as": "a"}, "`for_each` and `as` belong together"),
        ({"for_each": "context.a", "as": "event"}, "reserved name"),
        ({"for_each": "context.a", "as": "events"}, "reserved name"),
        ({"tasks": []}, "at least 1"),
        ({"tasks": [{"id": "t", "emit": {"type": "a"}}] * 2}, "two tasks are called `t`"),
        ({"tasks": [{"id": "t", "needs": ["t"], "emit": {"type": "a"}}]}, "wait for each other"),
        ({"tasks": [{"id": "t", "needs": ["u"], "emit": {"type": "a"}}]}, "no task of this rule"),
    ],
)
def test_what_a_rule_must_keep(rule: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        build(rules=[{"id": "r", "tasks": [{"id": "t", "human": {"title": "x"}}]} | rule])


def test_rule_ids_differ() -> None:
    rule = {"id": "r", "tasks": [{"id": "t", "human": {"title": "x"}}]}
    with pytest.raises(ValidationError, match="two rules are called `r`"):
        build(rules=[rule, rule])


def test_what_it_needs_from_outside() -> None:
    definition = read(MANUAL)
    assert definition.remote_sources(()) == ("weather", "ours")
    assert definition.connections == {"weather"}
    assert not definition.is_fused(())


def test_a_run_is_fused_when_sources_are_local_and_nothing_is_waited_for() -> None:
    local = {"a": {"sql": {"connection": "db", "query": "select 1"}}}
    assert build(context=local).is_fused({"db"})
    assert not build(context=local).is_fused(())
    assert with_task(emit={"type": "a"}).is_fused(())
    assert not with_task(human={"title": "x", "wait": True}).is_fused(())
    assert not with_task(python={"plugin": "p"}).is_fused(())


def test_connections() -> None:
    billing, weather = parse_definitions(CONNECTIONS, file="f").connections
    assert (billing.is_local, weather.is_local) == (True, False)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("{url: 'env:X', local: true, statement_timeout: 3s}", "at most 2s"),
        ("{url: 'env:X', max_rows: '5'}", "expected a whole number"),
        ("{url: 'env:X', local: 'yes'}", "expected true or false"),
        ("{url: 'postgres://x'}", "never the secret itself"),
    ],
)
def test_what_a_connection_must_keep(sql: str, reason: str) -> None:
    with pytest.raises(Exception, match=reason):
        parse_definitions(f"kind: connection\nid: a\nsql: {sql}\n", file="f")
