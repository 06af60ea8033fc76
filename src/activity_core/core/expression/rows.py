"""Rows: one expression over many items, evaluated together.

In: the items of a rule and the values beside them (`Rows`), expressions compiled for an item
(`compile_column`). Out: one result per item. Evaluating item by item would convert the context
to CEL anew for each; here CEL itself goes through the items, by its `map` macro.

The macro takes quadratic time and an evaluation has a budget of 10 000 iterations, so the items
come in blocks of blocks. An evaluation that fails is tried again in halves, down to the one item
that is to blame; one that is far over its budget is not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from activity_core.core.errors import ExpressionError
from activity_core.core.expression.budget import OverBudgetError
from activity_core.core.expression.condition import Bindings, Program, compile_expression
from activity_core.core.jsontext import JsonValue

# No name of a definition's own can be spelled so: those are lower case.
_BLOCKS, _BLOCK, _NOBODY = "Blocks", "Block", "Nobody"
_BLOCK_SIZE = 64
_AT_ONCE = 60 * _BLOCK_SIZE


@dataclass(frozen=True, slots=True)
class Column:
    """An expression over the items of a loop; `each` is None without one."""

    text: str
    each: str | None
    over_blocks: Program


@lru_cache(maxsize=16_384)
def compile_column(text: str, *, variables: frozenset[str], each: str | None) -> Column:
    """Compile for an item called `each`; None: for a rule without a loop.

    Raises:
        ExpressionError: as `compile_expression`.
    """
    # First by itself: a text that only fits into the macro is none.
    compile_expression(text, variables=variables | {each} if each else variables)
    over = f"{_BLOCKS}.map({_BLOCK}, {_BLOCK}.map({each or _NOBODY}, (\n{text}\n)))"
    program = compile_expression(over, variables=variables | {_BLOCKS}, shown=text)
    return Column(text, each, program)


class Rows:
    """Items with their indexes, and what expressions see beside them."""

    def __init__(
        self, values: Mapping[str, JsonValue], items: Sequence[JsonValue], indexes: Sequence[int]
    ) -> None:
        self.indexes = indexes
        self._values = values
        self._items = items
        self._bound: list[Bindings] | None = None

    def __len__(self) -> int:
        return len(self._items)

    def only(self, chosen: Sequence[bool]) -> "Rows":
        """Those rows whose place in `chosen` is true."""
        if all(chosen):
            return self
        places = [place for place, is_chosen in enumerate(chosen) if is_chosen]
        return Rows(
            self._values,
            [self._items[place] for place in places],
            [self.indexes[place] for place in places],
        )

    def evaluate(self, column: Column) -> list[JsonValue]:
        """The results, in order.

        Raises:
            ExpressionError: it fails for one of them; the subject says which.
        """
        if self._bound is None:
            self._bound = [
                self._bind(start, start + _AT_ONCE) for start in range(0, len(self), _AT_ONCE)
            ]
        results: list[JsonValue] = []
        for number, bindings in enumerate(self._bound):
            try:
                results += _flat(column.over_blocks.evaluate(bindings))
            except ExpressionError as error:
                _refuse_large(error)
                start = number * _AT_ONCE
                results += self._in_halves(column, start, min(start + _AT_ONCE, len(self)))
        return results

    def holds(self, column: Column) -> list[bool]:
        """The results of a condition; any but true and false is an ExpressionError."""
        results = self.evaluate(column)
        truth = [value for value in results if value is True or value is False]
        if len(truth) != len(results):
            raise ExpressionError(f"{column.text} must be true or false, for every item")
        return truth

    def _in_halves(self, column: Column, start: int, end: int) -> list[JsonValue]:
        try:
            return _flat(column.over_blocks.evaluate(self._bind(start, end)))
        except ExpressionError as error:
            if end - start == 1:
                error.subject = f"item {self.indexes[start]}" if column.each else ""
                raise
            _refuse_large(error)
        middle = (start + end) // 2
        return self._in_halves(column, start, middle) + self._in_halves(column, middle, end)

    def _bind(self, start: int, end: int) -> Bindings:
        items = self._items[start:end]
        blocks: list[JsonValue] = [
            list(items[i : i + _BLOCK_SIZE]) for i in range(0, len(items), _BLOCK_SIZE)
        ]
        return Bindings({**self._values, _BLOCKS: blocks})


def _refuse_large(error: ExpressionError) -> None:
    """What is far over its budget is so in many parts too, of half a second each."""
    if isinstance(error, OverBudgetError) and not error.is_divisible:
        raise error


def _flat(blocks: JsonValue) -> list[JsonValue]:
    return [result for block in cast("list[list[JsonValue]]", blocks) for result in block]
