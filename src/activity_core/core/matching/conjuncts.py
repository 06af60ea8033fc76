"""Conjuncts: what a filter is made of between its outermost `&&`.

In: the text of a filter. Out: its conjuncts in the order in which they stand there, each with its
own text and tree: `clauses` makes index entries of them, `explain` says which of them failed. A
filter holds if and only if each conjunct by itself is true.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from activity_core.core.expression.condition import parse_expression
from activity_core.core.expression.syntax import AND, Call, Node, syntax_tree

EVENT_VARIABLES = frozenset({"event"})
"""What expressions of a trigger see: `filter`, `dedupe_key`, and every `key`."""

_RAW = r'[rR][bB]?(?:"""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|"[^"]*"|\'[^\']*\')'
_LONG = r'"""(?:[^\\]|\\[\s\S])*?"""|\'\'\'(?:[^\\]|\\[\s\S])*?\'\'\''
_SHORT = r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\''
_TOKEN = re.compile(rf"{_RAW}|{_LONG}|{_SHORT}|(?P<comment>//[^\n]*)|(?P<paren>[()])")


@dataclass(frozen=True, slots=True)
class Conjunct:
    """One of them; `text` is an expression of its own, `start` its place in the whole."""

    text: str
    start: int
    tree: Node

    @property
    def sides(self) -> tuple[str, str, str] | None:
        """Left side, operator and right side, if it compares two things."""
        operator = _OPERATORS.get(self.tree.function) if isinstance(self.tree, Call) else None
        if operator is None:
            return None
        place = self.tree.at - self.start
        left, right = self.text[:place], self.text[place + len(operator) :]
        return left.strip(), operator, right.strip()


def filter_tree(text: str) -> Node:
    """The tree of a filter.

    Raises:
        ExpressionError: it cannot be parsed.
    """
    return syntax_tree(parse_expression(text, variables=EVENT_VARIABLES))


_OPERATORS = {
    "_==_": "==",
    "_!=_": "!=",
    "_<_": "<",
    "_<=_": "<=",
    "_>_": ">",
    "_>=_": ">=",
    "@in": "in",
}


def conjuncts(text: str) -> tuple[Conjunct, ...]:
    """All of a filter; a filter without `&&` is its only one.

    Raises:
        ExpressionError: it cannot be parsed.
    """
    bare = _TOKEN.sub(lambda token: " " * len(token[0]) if token["comment"] else token[0], text)
    return tuple(_split(bare, 0, len(bare), filter_tree(text)))


def conjunct_trees(tree: Node) -> Iterator[Node]:
    """Those of a whole filter, in their order."""
    if isinstance(tree, Call) and tree.function == AND:
        for side in tree.arguments:
            yield from conjunct_trees(side)
    else:
        yield tree


def _split(text: str, start: int, end: int, tree: Node) -> Iterator[Conjunct]:
    if isinstance(tree, Call) and tree.function == AND:
        left, right = tree.arguments
        yield from _split(text, start, tree.at, left)
        yield from _split(text, tree.at + len("&&"), end, right)
    else:
        start, end = _trimmed(text, start, end)
        yield Conjunct(text[start:end], start, tree)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without the parentheses around it, whether they hold more than it or not."""
    opened: list[int] = []
    closed_by: dict[int, int] = {}
    for token in _TOKEN.finditer(text, start, end):
        if token["paren"] == "(":
            opened.append(token.start())
        elif token["paren"] == ")":
            if not opened:  # closes one around several conjuncts: this one is over
                end = token.start()
                break
            closed_by[opened.pop()] = token.start()
    if opened:  # only ever at the front
        start = opened[-1] + 1
    while True:
        start += len(text[start:end]) - len(text[start:end].lstrip())
        end = start + len(text[start:end].rstrip())
        if closed_by.get(start) != end - 1:
            return start, end
        start, end = start + 1, end - 1
