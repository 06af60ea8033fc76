"""What may take too long is not begun; what rules ordinarily ask of real data always is."""

import time
from typing import Any

import pytest

from activity_core.core.errors import ExpressionError
from activity_core.core.expression.budget import OverBudgetError
from activity_core.core.expression.checked import checked_expression
from activity_core.core.expression.condition import Bindings, budget_for, compile_expression
from activity_core.core.expression.regex_cost import cost_of_character
from activity_core.core.expression.rows import Rows, compile_column

EVENT = frozenset({"event"})
LONG = "ab" * 25_000
TEN = list(range(10))
INVOICES = [
    {"id": i, "number": f"INV-{i:06}", "amount": i * 1.5, "tags": ["new", "eu"], "text": "x" * 80}
    for i in range(9_900)
]
HARD_REGEX = "(((a|b){1,10}){1,10}){1,10}x"


def evaluate(text: str, event: Any) -> Any:
    return compile_expression(text, variables=EVENT).evaluate({"event": event})


@pytest.mark.parametrize(
    ("text", "event", "mostly"),
    [
        ("event.text.replace('a', event.text).size() > 0", {"text": LONG}, "replace"),
        (
            "event.list.all(x, event.text.split('').size() > 0)",
            {"list": TEN * 200, "text": LONG},
            "split",
        ),
        (f"event.text.matches('{HARD_REGEX}')", {"text": "ab" * 400_000}, "matches"),
        (
            "event.text.matches(event.regex)",
            {"text": "ab" * 400_000, "regex": HARD_REGEX},
            "matches",
        ),
        (
            "event.ten.all(x, !(x in event.list))",
            {"ten": TEN * 100, "list": list(range(10, 100_000))},
            "in",
        ),
        ("['a']" + ".map(x, x + x)" * 27, None, "the result"),
        ("event" + ".map(x, x + x)" * 20, ["a" * 300] * 9, "+"),
        ("event.map(x, x)", TEN * 990, "making a list"),
        ("event.map(x, x + 1).filter(x, x > 1)", TEN * 490, "making a list"),
        ("event.list.map(x, event.text)", {"list": TEN * 300, "text": LONG}, "the result"),
        (
            "event.list.all(x, event.a == event.b)",
            {"list": TEN * 90, "a": TEN * 5_000, "b": TEN * 5_000},
            "==",
        ),
        ("event.all(x, event.join(',') != x)", ["ab"] * 9_000, "join"),
        ("event.all(x, '%s'.format([event]) != x)", ["ab"] * 9_000, "format"),
        ("event.all(x, (event + event).size() > 1)", TEN * 900, "+"),
        ("event.a.contains(event.b)", {"a": "a" * 900_000, "b": "a" * 100_000 + "b"}, "contains"),
    ],
)
def test_what_may_take_too_long_fails_at_once(text: Any, event: Any, mostly: Any) -> None:
    program, bindings = compile_expression(text, variables=EVENT), Bindings({"event": event})
    began = time.process_time()
    with pytest.raises(OverBudgetError) as caught:
        program.evaluate(bindings)
    assert time.process_time() - began < 5  # unbounded it takes minutes
    said = str(caught.value)
    assert said.startswith("may take too long on data of this size: ")
    assert f"times the budget, most of it for {mostly} in " in said
    assert said.isprintable()


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ("event.all(i, i.amount >= 0.0 && i.id >= 0)", INVOICES),
        ("event.exists(i, i.number == 'none')", INVOICES),
        ("event.all(i, i.number.matches('^INV-[0-9]{6,8}$'))", INVOICES),
        ("event.all(i, i.text.contains('y') || i.text.lowerAscii().startsWith('x'))", INVOICES),
        ("event.all(i, 'Invoice %s of %d'.format([i.number, i.id]) != '')", INVOICES),
        ("event.exists_one(i, i.tags.join(', ') == 'none')", INVOICES),
        ("event.filter(i, i.amount > 9.0).map(i, i.number)", INVOICES[:3_000]),
        ("event.filter(i, i.tags.exists(t, t == 'new')).size() > 9", INVOICES[:3_000]),
        ("event.map(i, i.number).join(', ')", INVOICES[:3_000]),
        ("event.all(x, event.all(y, x + y >= 0))", TEN * 9),
        (
            "event.a.all(x, event.b.exists(y, x.id == y.id))",
            {"a": INVOICES[:99], "b": INVOICES[:99]},
        ),
        ("event.i.all(i, !(i.number in event.k))", {"i": INVOICES, "k": ["k"] * 500}),
        ("event.i.all(i, !(i.number in ['a', 'b', 'c']))", {"i": INVOICES}),
        ("event.i.all(i, event.rates['eur'] > 0.0)", {"i": INVOICES, "rates": {"eur": 1.5}}),
        ("event.text.matches('[a-z0-9._%+-]+@[a-z0-9.-]+[.][a-z]{2,}')", {"text": LONG * 2}),
        ("event.text.matches('^(a+)+$')", {"text": LONG * 2}),
        ("event.text.matches('urgent|asap') || event.text.contains('now')", {"text": LONG * 20}),
        ("event.text.split(',').exists(w, w.trim() == 'z')", {"text": "word, " * 9_000}),
        ("event.text.split('\\n').map(w, w.trim()).join(',')", {"text": "some words\n" * 3_000}),
        ("event.text.replace('a', '<b>').size() > 1", {"text": LONG * 10}),
        ("event.text + ' and ' + event.text", {"text": LONG * 10}),
        ("event.a == event.b", {"a": INVOICES, "b": INVOICES}),
        ("event", INVOICES),
        ("event.i", {"i": INVOICES}),
    ],
)
def test_what_is_ordinary_is_evaluated(text: Any, event: Any) -> None:
    began = time.process_time()
    evaluate(text, event)
    assert time.process_time() - began < 10


def test_values_that_are_small_are_not_even_looked_at(monkeypatch: Any) -> None:
    program = compile_expression("event.list.all(x, x > 1)", variables=EVENT)
    budget = budget_for("event.list.all(x, x > 1)", EVENT)
    assert budget.safe > 1_000_000
    monkeypatch.setattr(type(budget), "check", None)
    assert program.holds({"event": {"list": [2] * 9_000}})


def test_a_large_item_among_many_counts_once() -> None:
    mails = [{"text": "x" * 20}] * 9_000 + [{"text": LONG}]
    assert evaluate("event.all(m, m.text.matches('^[a-z]+$'))", mails) is True


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("event.a.matches('(a')", r"invalid regular expression: missing \): \(a \(at 1:17\)"),
        (
            "event.a == 1 ||\n event.a.exists(x, x.matches('(a{100}){11}'))",
            r"invalid repetition size: \{11\} \(at 2:30\)",
        ),
        ("event.a.matches('a{1001}')", r"invalid repetition size: \{1001\}"),
        ("['a']" + ".map(x, x + x)" * 28, "takes too long whatever the data, most of it for "),
        ("event.a" + ".map(x, x + x)" * 28, r"takes too long whatever .* \(at 1:"),
        ("event.all(x, " * 25 + "true" + ")" * 25, r"nests too deeply \(at 1:1\)"),
    ],
)
def test_what_can_never_be_evaluated_is_refused(text: Any, message: Any) -> None:
    with pytest.raises(ExpressionError, match=message):
        checked_expression(text, variables=EVENT)


@pytest.mark.parametrize(
    "text",
    [
        "event.a" + ".map(x, x + x)" * 5,
        "event.a.all(x, event.b.all(y, event.c.all(z, event.d.map(w, w + x) == [y, z])))",
        f"event.a.matches('{HARD_REGEX}')",
        "event.a.all(x, event.text.matches(x))",
        " + ".join(["event.a"] * 30),
    ],
)
def test_what_some_data_can_take_is_kept(text: Any) -> None:
    checked_expression(text, variables=EVENT)


@pytest.mark.parametrize(
    ("easy", "hard"),
    [
        ("fox|dog", "a[ab]{14}c"),
        ("^[A-Z]{2}[0-9]{4}$", "^[A-Z]{2}[0-9]{4,40}$"),
        (r"\QA{99}[x]\E", "(a|b|c){9}x"),
        (r"[\]{20}]x", "(.*a.{3}){4}"),
    ],
)
def test_regexes_that_may_lose_themselves_cost_more(easy: Any, hard: Any) -> None:
    assert cost_of_character(easy) * 10 < cost_of_character(hard)


def rows(count: int, **context: Any) -> Any:
    return Rows({"context": context}, list(range(count)), range(count))


def column(text: str) -> Any:
    return compile_column(text, variables=frozenset({"context"}), each="item")


def test_rows_are_refused_all_together() -> None:
    """Not only one by one: ten thousand times a millisecond is too long too."""
    began = time.process_time()
    with pytest.raises(OverBudgetError, match=r"for split in context\.text\.split"):
        rows(3_000, text=LONG).evaluate(column("context.text.split('').size() + item"))
    assert time.process_time() - began < 5


def test_rows_that_are_little_over_the_budget_are_evaluated_in_parts() -> None:
    split = rows(200, text=LONG).evaluate(column("context.text.split('').size() + item"))
    assert split == [len(LONG) + item for item in range(200)]


@pytest.mark.parametrize(
    "text", ["item % 2 == 0 && context.limit > 1.5", "'Item %d'.format([item])"]
)
def test_rows_of_ordinary_rules_are_evaluated(text: Any) -> None:
    assert len(rows(10_000, limit=2.5, text=LONG).evaluate(column(text))) == 10_000
