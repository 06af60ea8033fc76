"""CEL: what compiles, what it says when something is wrong, and what comes out as JSON."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.errors import ExpressionError
from activity_core.core.expression.condition import Bindings, compile_expression
from activity_core.core.jsontext import JsonValue

EVENT = frozenset({"event"})


def evaluate(text: str, event: JsonValue = None) -> JsonValue:
    return compile_expression(text, variables=EVENT).evaluate({"event": event})


def holds(text: str, event: JsonValue = None) -> bool:
    return compile_expression(text, variables=EVENT).holds({"event": event})


@pytest.mark.parametrize("amount", [150, 150.0, 100.5, 2**62, 2**63, 1e300])
def test_numbers_compare_whatever_their_spelling(amount: Any) -> None:
    assert holds("event.amount > 100", {"amount": amount})
    assert holds("event.amount > 100.25", {"amount": amount})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event.a == 5", True),
        ("event.a in [5.0]", True),
        ("has(event.zz)", False),
        ("has(event.zz) && event.zz > 1", False),
        ("event.zz > 1 || event.a == 5", True),
        ("event.nothing == null", True),
        ("event.list == [1, 2.0, {'a': 1}]", True),
        ("event['list'][2].a == 1", True),
        ("event.name.startsWith('Gr')", True),
        ("event.name.lowerAscii() == 'grace'", True),
        ("timestamp(event.time) > timestamp('2026-01-01T00:00:00Z')", True),
        ("event.deep.a.b.c == 'x'", True),
        ("math.greatest(1, 2) == 2 // a comment", True),
    ],
)
def test_conditions(text: Any, expected: Any) -> None:
    event: JsonValue = {
        "a": 5,
        "nothing": None,
        "list": [1, 2, {"a": 1}],
        "name": "Grace",
        "time": "2026-11-21T09:00:00Z",
        "deep": {"a": {"b": {"c": "x"}}},
    }
    assert holds(text, event) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("timestamp('2026-11-21T10:00:00.25+01:00')", "2026-11-21T09:00:00.250000Z"),
        ("timestamp('2026-11-21T09:00:00Z')", "2026-11-21T09:00:00Z"),
        ("duration('90m')", "5400s"),
        ("duration('-1.25s')", "-1.25s"),
        ("duration('0s')", "0s"),
        ("b'abc'", "YWJj"),
        ("7u", 7),
        ("{'a': 1u, 'b': [null, 1.5]}", {"a": 1, "b": [None, 1.5]}),
        ("{1: 'x'}", {"1": "x"}),
        ("{true: 'x'}", {"true": "x"}),
        ("'%s has %d'.format(['it', 3])", "it has 3"),
        ("'INVALID_ARGUMENT: only text'", "INVALID_ARGUMENT: only text"),
    ],
)
def test_results_are_json(text: Any, expected: Any) -> None:
    assert evaluate(text) == expected


@pytest.mark.parametrize("text", ["double('nan')", "1.0 / 0.0", "type(1)", "[double('inf')]"])
def test_what_json_cannot_say_is_an_error(text: Any) -> None:
    with pytest.raises(ExpressionError, match="cannot be said in JSON"):
        evaluate(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("evnt.data > 1", r"unknown variable evnt \(at 1:1\) \(did you mean event\?\)"),
        ("1 +\n foo", r"unknown variable foo \(at 2:2\) \(known: event\)"),
        ("event.a >", r"mismatched input the end \(at 1:10\)"),
        ("event.a.foo()", r"unknown function foo \(at 1:12\)"),
        ("1 < 'a'", r"no matching overload .* \(at 1:3\)"),
        ("tasks.remind.ok", "outputs of earlier tasks are not known yet"),
        ("", r"\(at 1:1\)"),
        ("'abc", r"\(at 1:1\)"),
    ],
)
def test_what_does_not_compile_says_where(text: Any, message: Any) -> None:
    with pytest.raises(ExpressionError, match=message):
        compile_expression(text, variables=EVENT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("event.zz == 1", r'Key not found in map : "zz" .*has\('),
        ("event.f + 1", "do not mix in arithmetic"),
        ("event.name > 3", "No matching overloads"),
        ("1 / 0 == 1", "divide by zero"),
        ("event.rows.all(a, event.rows.all(b, true))", "10000 iterations"),
        ("event.name", "must be true or false, is STRING"),
    ],
)
def test_what_fails_says_why(text: Any, message: Any) -> None:
    event: JsonValue = {"f": 1.5, "name": "x", "rows": list(range(200))}
    with pytest.raises(ExpressionError, match=message):
        holds(text, event)


def test_errors_are_short_printable_lines() -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate("event.name == dyn(1) + dyn('x" + "y" * 1000 + "\\n')", {"name": "z" * 9000})
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


def test_a_string_is_not_cut_at_nul() -> None:
    event: JsonValue = {"user": "admin\0x", "k\0": 1}
    assert not holds("event.user == 'admin'", event)
    assert evaluate("event", event) == {"user": "admin\ufffdx", "k\ufffd": 1}
    assert evaluate("event", {"path": r"C:\x00"}) == {"path": r"C:\x00"}


def test_values_too_deep_for_cel_are_refused() -> None:
    value: JsonValue = 1
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ExpressionError, match="nest too deeply"):
        evaluate("event", value)
    while isinstance(value, list):  # taken apart here: the interpreter would recurse
        value = value[0]


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**50, 10**500])
def test_integers_that_cel_has_not_are_doubles(number: Any) -> None:
    event: JsonValue = {"n": [{"n": number}], "m": 2**64 - 1}
    assert holds("event.n[0].n > 1", event) is (number > 1)
    assert holds("event.m == 18446744073709551615u", event)
    bindings = Bindings({"event": event})
    result = compile_expression("event.n[0].n", variables=EVENT).evaluate(bindings)
    assert result == float(min(number, 2**1023))
    with pytest.raises(ExpressionError, match="No matching overloads"):
        compile_expression("event.n > 1", variables=EVENT).holds(bindings)


def test_bindings_serve_several_programs() -> None:
    bindings = Bindings({"event": {"a": 5}, "unused": {"b": [1]}})
    assert compile_expression("event.a > 1", variables=EVENT).holds(bindings)
    both = EVENT | {"other"}
    assert compile_expression("event.a", variables=both).evaluate(bindings) == 5


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(json_values)
def test_json_goes_through_cel_unchanged(value: Any) -> None:
    assert evaluate("event", value) == value
    assert evaluate("[event]", value) == [value]
