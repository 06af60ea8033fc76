"""Loops of rules: many items in one evaluation give what one evaluation each gives."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.errors import ExpressionError
from activity_core.core.expression.condition import compile_expression
from activity_core.core.expression.rows import Rows, compile_column
from activity_core.core.jsontext import JsonValue

VARIABLES = frozenset({"context"})


def column(text: str, each: str | None = "item") -> Any:
    return compile_column(text, variables=VARIABLES, each=each)


def rows(items: Any, **context: Any) -> Any:
    return Rows({"context": context}, items, range(len(items)))


@given(st.integers(0, 300), st.integers(-5, 5))
def test_every_item_gets_its_own_result(count: Any, limit: Any) -> None:
    items: list[JsonValue] = [n * 7 % 11 for n in range(count)]
    text = "item > context.limit ? item * 2 : -1"
    alone = compile_expression(text, variables=VARIABLES | {"item"})
    assert rows(items, limit=limit).evaluate(column(text)) == [
        alone.evaluate({"item": item, "context": {"limit": limit}}) for item in items
    ]


@pytest.mark.parametrize("count", [3_839, 3_840, 3_841, 10_000])
def test_more_items_than_one_evaluation_takes(count: Any) -> None:
    assert rows(list(range(count))).evaluate(column("item + 1")) == list(range(1, count + 1))


def test_a_costly_expression_is_evaluated_in_smaller_parts() -> None:
    many = list(range(300))
    text = "context.many.filter(one, one == item).size()"
    assert rows(list(range(200)), many=many).evaluate(column(text)) == [1] * 200


def test_the_item_to_blame_is_named() -> None:
    items: list[JsonValue] = [{"n": n} for n in range(500)]
    items[317] = {}
    with pytest.raises(ExpressionError, match=r"^item 317: Key not found"):
        rows(items).evaluate(column("item.n"))


def test_chosen_rows_keep_their_indexes() -> None:
    chosen = rows(["a", "b", "c", "d"]).only([False, True, False, True])
    assert list(chosen.indexes) == [1, 3]
    assert chosen.evaluate(column("item")) == ["b", "d"]
    assert list(chosen.only([False, True]).indexes) == [3]
    with pytest.raises(ExpressionError, match=r"^item 3: "):
        chosen.only([False, True]).evaluate(column("item.x"))


def test_without_a_loop() -> None:
    assert rows([None], a=5).evaluate(column("context.a", None)) == [5]


def test_no_items() -> None:
    assert rows([]).evaluate(column("1 / 0")) == []


def test_conditions_must_be_true_or_false() -> None:
    assert rows([1, 2]).holds(column("item > 1")) == [False, True]
    with pytest.raises(ExpressionError, match="item must be true or false"):
        rows([True, 2]).holds(column("item"))


@pytest.mark.parametrize(
    "text", ["Block", "Blocks", "item), (1", "1))) + Blocks.map(a, a.map(b, (2"]
)
def test_a_text_must_be_an_expression_by_itself(text: Any) -> None:
    with pytest.raises(ExpressionError):
        column(text)


def test_a_comment_does_not_swallow_what_is_behind() -> None:
    assert rows([1]).evaluate(column("item // the item")) == [1]
