"""Why not: the clause that keeps an event out, in the author's own text, with what it met."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.errors import ExpressionError
from activity_core.core.explanation.why_not import LONGEST_VALUE, why_not
from activity_core.core.expression.condition import Bindings, compile_expression
from activity_core.core.expression.message import shorten
from activity_core.core.jsontext import JsonValue
from activity_core.core.matching.conjuncts import EVENT_VARIABLES, conjuncts

EVENT: JsonValue = {
    "type": "order.created",
    "data": {"amount": 40, "region": "apac", "flag": False, "long": "x" * 500, "items": [1, 2]},
}
BINDINGS = Bindings({"event": EVENT})


def reason(text: str) -> str:
    found = why_not(text, BINDINGS)
    assert found is not None
    return found.reason


def test_what_holds_has_no_reason():
    assert why_not("event.data.amount == 40 && !event.data.flag", BINDINGS) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("event.data.amount > 100", "40 > 100 is false"),
        ('event.data.region in ["eu","us"]', '"apac" in ["eu","us"] is false'),
        ('"eu" == event.data.region', '"eu" == "apac" is false'),
        ('event.type.startsWith("x")', '"order.created".startsWith("x") is false'),
        ("!(event.data.amount < 50)", "40 < 50 is true"),
        ('event.data.customer == "a"', "no such key: customer"),
        ("event.data.amount", "must be true or false, is INT"),
        (
            'event.data.amount > "a"',
            '40 > "a": No matching overloads found : _>_(int64, string)',
        ),
        (
            'event.data.amount == 1 || event.data.region == "eu"',
            '40 == 1 is false, "apac" == "eu" is false',
        ),
        (
            "event.data.x == 1 || (event.data.amount == 40 && event.data.flag)",
            "no such key: x, event.data.flag is false",
        ),
        ("!(event.data.amount == 40 && !event.data.flag)", "40 == 40 is true, event.data.flag is"),
        ("event.data.amount > event.data.items.size() * 100", "40 > 200 is false"),
    ],
)
def test_values_stand_where_the_clause_has_paths(text: str, told: str):
    assert reason(text).startswith(f"{text}: {told}")


@pytest.mark.parametrize(
    "text",
    ["has(event.data.x)", "event.data.flag", "event.data.items.exists(i, i > 3)"],
)
def test_what_has_no_values_to_show_is_said_once(text: str):
    assert reason(text) == f"{text} is false"


def test_the_first_that_is_false_goes_before_one_that_fails():
    found = why_not("event.data.none == 1 && event.data.flag && event.data.amount < 1", BINDINGS)
    assert found is not None
    assert (found.clause, found.failed) == ("event.data.flag", False)
    found = why_not("event.data.amount == 40 && event.data.none == 1", BINDINGS)
    assert found is not None
    assert (found.clause, found.failed) == ("event.data.none == 1", True)


def test_long_values_and_clauses_are_cut():
    value = reason('event.data.long == "y"').split(": ", 1)[1]
    assert len(value) == LONGEST_VALUE + len(' == "y" is false')
    assert len(reason("event.data.amount in [" + "1, " * 1_000 + "2]")) < 500


def test_the_budget_of_the_whole_may_end_where_each_piece_stays_within():
    items: JsonValue = {"data": {"items": list(range(90))}}
    piece = "event.data.items.all(i, event.data.items.all(j, i + j >= 0))"
    found = why_not(f"{piece} && {piece}", Bindings({"event": items}))
    assert found is not None
    assert found.failed
    assert "Iteration budget" in found.reason


LEAVES = st.sampled_from(
    [
        "event.data.a == 1",
        "event.data.b > 2",
        'event.data.c in ["x", "y"]',
        "has(event.data.d)",
        "event.data.d",
        'event.data.c.startsWith("x")',
        "event.data.l.exists(i, i == event.data.a)",
        '"&& (||" != event.data.c',
        "event.data.a < 2 ? event.data.b == 1 : true",
    ]
)


def _combined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(parts, parts)
    return st.one_of(
        two.map(lambda each: f"{each[0]} && {each[1]}"),
        two.map(lambda each: f"({each[0]}) || ({each[1]})"),
        two.map(lambda each: f"({each[0]}) && {each[1]} // why\n"),
        parts.map(lambda each: f"!({each})"),
        parts.map(lambda each: f"(( {each} ))"),
    )


FILTERS = st.recursive(LEAVES, _combined, max_leaves=8)
VALUES = st.sampled_from([0, 1, 2, 3, 1.0, "x", "z", True, False, None, [1, 2]])
DATA = st.dictionaries(st.sampled_from("abcdl"), VALUES)


def verdict(text: str, bindings: Bindings) -> bool | None:
    try:
        return compile_expression(text, variables=EVENT_VARIABLES).holds(bindings)
    except ExpressionError:
        return None


@given(text=FILTERS, data=DATA)
def test_it_agrees_with_the_whole_filter(text: str, data: dict[str, Any]):
    bindings = Bindings({"event": {"data": data}})
    whole, found = verdict(text, bindings), why_not(text, bindings)
    if found is None:
        assert whole is True
        return
    assert whole is (None if found.failed else False)
    pieces = [each.text for each in conjuncts(text)]
    verdicts = [verdict(each, bindings) for each in pieces]
    assert found.clause == shorten(pieces[verdicts.index(whole)])
