"""The match index says what asking every definition by CEL would, whatever was put and removed."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.errors import ExpressionError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.event.patterns import takes
from activity_core.core.event.stored_event import StoredEvent
from activity_core.core.expression.condition import Bindings, Program, compile_expression
from activity_core.core.matching import sieve
from activity_core.core.matching.intervals import Intervals
from activity_core.core.matching.match_index import EVENT_VARIABLES, Hit, Matches, MatchIndex

RULES = [{"id": "r", "tasks": [{"id": "t", "human": {"title": "T"}}]}]
STRINGS = ("", "a", "ab", "abc", "b", "true", "1", "ä", "a\0", "a\ufffd", "a.b")
NUMBERS = (
    *(0, 1, -1, 2, 5, 100, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 2**70, -(2**70)),
    *(0.0, -0.0, 1.0, 1.5, -1.5, 5e-324, 1e300, 9007199254740992.0, 1.8446744073709552e19),
)
KEYS = ("a", "b", "c", "x-y", "ä", "")

paths = st.one_of(
    st.sampled_from(KEYS).map(lambda key: ["data", key]),
    st.lists(st.sampled_from(KEYS), min_size=1, max_size=3).map(lambda keys: ["data", *keys]),
    st.sampled_from([["data"], ["type"], ["source"], ["subject"], ["time"], ["ext"], ["none"]]),
)


def spelled(path: list[str], draw: Any) -> str:
    text = "event"
    for key in path:
        plain = key.isidentifier() and draw(st.booleans())
        text += f".{key}" if plain else f"[{quoted(key)}]"
    return text


def quoted(text: str) -> str:
    escaped = "".join(c if c.isascii() and c.isprintable() else f"\\u{ord(c):04x}" for c in text)
    return f"'{escaped}'"


def literal(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value) if -(2**63) <= value < 2**63 else f"{float(value)!r}"
    return repr(value)


common = st.sampled_from(["a", "ab", 1, 1.0, 2, True, False, None])
scalars = st.one_of(common, common, st.sampled_from(STRINGS), st.sampled_from(NUMBERS))
literals = scalars.map(literal)


@st.composite
def conditions(draw: Any) -> str:
    path = spelled(draw(paths), draw)
    other = spelled(draw(paths), draw)
    op = draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
    some = ", ".join(draw(st.lists(literals, max_size=4)))
    number = literal(draw(st.sampled_from(NUMBERS)))
    text: str = draw(
        st.sampled_from(
            [
                f"{path} == {draw(literals)}",
                f"{draw(literals)} == {path}",
                f"{path} {op} dyn({draw(literals)})",
                f"{path} {op} {number}",
                f"{number} {op} {path}",
                f"{path} != {draw(literals)}",
                f"{path} in [{some}]",
                f"{path} == {draw(literals)} || {path} == {draw(literals)}",
                f"{path} == {draw(literals)} || {path} in [{some}]",
                f"{path} == {draw(literals)} || {other} == {draw(literals)}",
                f"{path}.startsWith({quoted(draw(st.sampled_from(STRINGS)))})",
                f"has({path}) ? {path} == {draw(literals)} : {other} == {draw(literals)}",
                f"has(event.data.{draw(st.sampled_from('abc'))})",
                f"has({path}.a)",
                f"has({path})",
                f"!has({path}.a)",
                path,
                f"!{path}",
                f"{path} == {other}",
                f"{path} + 1 > {number}",
                f"size({path}) > 1",
                f"[1, 2].exists(event, event == {number})",
                f"{path}.exists(k, k == 'a')",
                f"{path}[0] == 1",
                "true",
                "false",
            ]
        )
    )
    return text


def cel(text: str) -> Program:
    return compile_expression(text, variables=EVENT_VARIABLES)


def compiles(text: str) -> bool:
    try:
        cel(text)
    except ExpressionError:
        return False
    return True


@st.composite
def any_filters(draw: Any) -> str:
    parts = [f"({part})" for part in draw(st.lists(conditions(), min_size=1, max_size=4))]
    if draw(st.integers(0, 9)) == 0:
        return f"!({parts[0]})" if len(parts) == 1 else " || ".join(parts)
    return " && ".join(parts)


filters = any_filters().filter(compiles)

inner_maps = st.dictionaries(st.sampled_from([*KEYS, "a\0"]), scalars, max_size=4)
maps = st.fixed_dictionaries(
    {}, optional={key: scalars | inner_maps | st.lists(scalars, max_size=2) for key in KEYS}
)
events = st.builds(
    EventEnvelope,
    id=st.just("1"),
    source=st.sampled_from(["/shop", "/shop/eu", "/x"]),
    type=st.sampled_from(["order.created", "order.paid", "invoice", "a"]),
    subject=st.none() | st.sampled_from(["a", "ab"]),
    data=st.one_of(maps, maps, scalars, st.lists(scalars, max_size=2)),
    extensions=st.sampled_from([{}, {"ext": "ab"}, {"ext": 1}, {"ext": True}]),
)
TYPES = ("order.created", "order.*", "*", "invoice", "o*", "a")
crowded = st.fixed_dictionaries({"type": st.just("*"), "filter": filters})
patterns = crowded | st.fixed_dictionaries(
    {"types": st.lists(st.sampled_from(TYPES), min_size=1, max_size=3)},
    optional={
        "source": st.sampled_from(["/shop", "/shop*", "/*", "/x"]),
        "filter": filters,
    },
)
triggers = st.one_of(
    crowded.map(lambda pattern: {"event": pattern}),
    st.tuples(patterns, st.sampled_from(["false", "failed", "dead_letter"])).map(
        lambda pair: {"event": {**pair[0], "on_error": pair[1]}}
    ),
    patterns.map(lambda pattern: {"event": pattern}),
    patterns.map(lambda pattern: {"event": pattern}),
    st.lists(patterns, min_size=2, max_size=3).map(
        lambda parts: {"composite": {"all_of": parts, "within": "1h"}}
    ),
    st.just({"interval": {"every": "10s"}}),
)


def definition(number: int, trigger: Any) -> ActivityDefinition:
    return ActivityDefinition.model_validate(
        {"id": f"d{number:03}", "trigger": trigger, "rules": RULES}
    )


def naive(definitions: dict[int, ActivityDefinition], event: EventEnvelope) -> Matches:
    """Every definition in turn, every filter by CEL."""
    listened, hits = 0, []
    for number, each in sorted(definitions.items()):
        heard = [
            (name, part)
            for name, part in named_parts(each)
            if any(takes(type_, event.type) for type_ in part.all_types)
            and takes(part.source, event.source)
        ]
        listened += bool(heard)
        passed = list(passing(each, heard, event))
        hit = Hit(each.id, number)
        if passed and each.trigger.composite:
            hits.append(replace(hit, parts=tuple(name for name, _ in passed)))
        elif passed:
            failed = passed[0][1]
            bury = bool(failed) and each.trigger.event.on_error == "dead_letter"  # type: ignore[union-attr]
            hits.append(replace(hit, failed=failed, bury=bury))
    return Matches(listened, hits)


def named_parts(each: ActivityDefinition) -> Any:
    composite = each.trigger.composite
    return composite.parts if composite else [("", part) for part in each.trigger.heard]


def passing(each: ActivityDefinition, heard: Any, event: Any) -> Iterator[tuple[str, str]]:
    bindings = Bindings({"event": event.for_conditions()})
    for name, part in heard:
        try:
            if part.filter is None or cel(part.filter).holds(bindings):
                yield name, ""
        except ExpressionError as error:
            if each.trigger.event and each.trigger.event.on_error != "false":
                yield name, f"filter: {error}"


def asserted(index: MatchIndex, known: dict[int, ActivityDefinition], event: Any) -> None:
    expected = naive(known, StoredEvent.of(event).envelope)
    for _ in "first from the whole event", "then from an excerpt":
        found = index.match(StoredEvent.of(event))
        assert (found.listened, list(found.hits)) == (expected.listened, expected.hits)
        index._excerpts._whole = 0


@given(st.lists(triggers, max_size=20), st.lists(events, min_size=1, max_size=4))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_it_finds_what_all_filters_say(many: Any, happened: Any) -> None:
    index, known = MatchIndex(), {}
    for number, trigger in enumerate(many):
        known[number] = definition(number, trigger)
        index.put(known[number], number)
    for event in happened:
        asserted(index, known, event)


@given(filters, st.lists(events, min_size=1, max_size=6))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_one_filter(text: str, happened: Any) -> None:
    index, known = MatchIndex(), {0: definition(0, {"event": {"type": "*", "filter": text}})}
    index.put(known[0], 0)
    for event in happened:
        asserted(index, known, event)


EDGES = (1, True, 1.0, 2, "a", "ab", None, 2**53 - 1, 2**53, 2**53 + 1, 9007199254740992.0)
edges = st.sampled_from(EDGES)


@st.composite
def close_filters(draw: Any) -> str:
    """About two paths and a few values, so that they meet each other and the events."""
    one, other = draw(st.permutations(["event.data.a", "event.data.b"]))
    value, second = literal(draw(edges)), literal(draw(edges))
    number = draw(st.sampled_from([1, 1.0, 2, 2**53 - 1, 2**53, 9007199254740992.0]))
    text: str = draw(
        st.sampled_from(
            [
                f"{one} == {value}",
                f"{one} in [{value}, {second}]",
                f"{one} == {value} || {one} == {second}",
                f"{one} == {value} || {other} == {second}",
                f"{one} != {value} && {other} == {second}",
                f"{one} {draw(st.sampled_from(['<', '<=', '>', '>=']))} {number!r}",
                f"{one} >= {number!r} && {one} <= 3 && {other} == {value}",
                f"{one}.startsWith('{draw(st.sampled_from(['', 'a', 'ab', 'abc']))}')",
                f"has({one}) && !has({other})",
                one,
                f"!{one}",
            ]
        )
    )
    return text


close_events = st.fixed_dictionaries({}, optional={"a": edges, "b": edges}).map(
    lambda data: EventEnvelope(id="1", source="/", type="a", data=dict(data))
)


@pytest.mark.parametrize("few", [0, 30])
def test_close_filters(few: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(sieve, "_FEW", few)

    @given(
        st.lists(close_filters(), min_size=1, max_size=12),
        st.lists(close_events, min_size=3, max_size=8),
    )
    @settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def check(texts: Any, happened: Any) -> None:
        index = MatchIndex()
        known: dict[int, ActivityDefinition] = {}
        for number, text in enumerate(texts):
            known[number] = definition(number, {"event": {"type": "*", "filter": text}})
            index.put(known[number], number)
        for event in happened:
            asserted(index, known, event)

    check()


steps = st.one_of(
    st.tuples(st.integers(0, 30), triggers),
    st.tuples(st.integers(0, 30), triggers),
    st.tuples(st.integers(0, 30), st.none()),
    events,
)


@pytest.mark.parametrize("few", [1, 2])
def test_it_stays_so_while_definitions_come_and_go(few: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(sieve, "_FEW", few)

    @given(st.lists(steps, max_size=25))
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def check(happened: Any) -> None:
        index = MatchIndex()
        known: dict[int, ActivityDefinition] = {}
        for step in happened:
            if isinstance(step, EventEnvelope):
                asserted(index, known, step)
            elif step[1] is None:
                known.pop(step[0], None)
                index.remove(f"d{step[0]:03}")
            else:
                known[step[0]] = definition(*step)
                index.put(known[step[0]], step[0])
        for number in list(known):
            index.remove(f"d{number:03}")
        assert not index._types
        assert not index._listeners
        assert not index._excerpts

    check()


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30))
def test_intervals_that_touch(ranges: Any) -> None:
    intervals: Intervals[int] = Intervals()
    sides = [(min(side) - 4.5, max(side) - 4.5) for side in ranges]
    for item, (low, high) in enumerate(sides):
        intervals.put(low, high, item)
    for number in [half / 2 for half in range(-12, 13)]:
        expected = [item for item, (low, high) in enumerate(sides) if low <= number <= high]
        assert sorted(intervals.at(number)) == expected


floats = st.floats(allow_nan=False) | st.sampled_from([float(number) for number in NUMBERS])


@given(
    st.lists(st.tuples(floats, floats, st.booleans()), max_size=30),
    st.lists(floats | st.sampled_from(NUMBERS), max_size=10),
)
def test_intervals(ranges: Any, numbers: Any) -> None:
    intervals: Intervals[int] = Intervals()
    sides = [(min(low, high), max(low, high)) for low, high, _ in ranges]
    for item, (low, high) in enumerate(sides):
        intervals.put(low, high, item)
    for item, (low, high) in enumerate(sides):
        if not ranges[item][2]:
            intervals.remove(low, high, item)
    kept = [(item, *side) for item, side in enumerate(sides) if ranges[item][2]]
    for number in [float(number) for number in numbers]:
        expected = [item for item, low, high in kept if low <= number <= high]
        assert sorted(intervals.at(number)) == expected
    for item, low, high in kept:
        intervals.remove(low, high, item)
    assert not intervals
