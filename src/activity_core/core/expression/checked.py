"""Checked expressions: what compiles, but can never be evaluated, is refused before it is kept.

In: texts of definitions and sources that somebody wants to publish. Out: programs, or what is
wrong and where. What was published before this was looked at still compiles, and fails on data.
"""

from collections.abc import Iterator

from activity_core.core.errors import ExpressionError
from activity_core.core.expression.condition import Program, budget_for, compile_expression
from activity_core.core.expression.syntax import (
    Call,
    Entries,
    Field,
    Items,
    Literal,
    Loop,
    Node,
    Opaque,
)

_REGEX = "''.matches(regex)"


def checked_expression(text: str, *, variables: frozenset[str]) -> Program:
    """Compile, as `compile_expression`; then look at its regexes and what it costs at least.

    Raises:
        ExpressionError: it does not compile, a regex that is written out is none or repeats more
            than 1 000 times, or it is over the budget whatever the data.
    """
    program = compile_expression(text, variables=variables)
    budget = budget_for(text, variables)
    if isinstance(budget.tree, Opaque):
        raise ExpressionError("nests too deeply (at 1:1)", hint="split it up")
    for regex, at in _regexes(budget.tree):
        try:
            compile_expression(_REGEX, variables=frozenset({"regex"})).holds({"regex": regex})
        except ExpressionError as error:
            what = error.message.removesuffix(f" in {_REGEX}")
            raise ExpressionError(f"{what} {_place(text, at)}") from None
    if cost := budget.whatever:
        raise ExpressionError(
            f"takes too long whatever the data, most of it for {cost.what} {_place(text, cost.at)}"
        )
    return program


def _regexes(node: Node) -> Iterator[tuple[str, int]]:
    """Those that are written out, with their places."""
    match node:
        case Call("matches", (_, Literal(str(regex), at))):
            yield regex, at
    for part in _parts(node):
        yield from _regexes(part)


def _parts(node: Node) -> tuple[Node, ...]:
    match node:
        case Field(of):
            return (of,)
        case Call(_, parts) | Items(parts) | Entries(parts):
            return parts
        case Loop(_, of, _, step):
            return of, step
    return ()


def _place(text: str, at: int) -> str:
    """Line and column, from 1."""
    before = text[:at]
    return f"(at {before.count(chr(10)) + 1}:{at - before.rfind(chr(10))})"
