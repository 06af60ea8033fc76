"""Members: which parts of a variable an expression looks at, read from its syntax.

In: texts of definitions. Out: names, for `rules` (what must be known before it can be evaluated)
and for the definition check (whether there is such a thing).
"""

from collections.abc import Iterator
from functools import lru_cache

from activity_core.core.expression.condition import parse_expression
from activity_core.core.expression.syntax import (
    Call,
    Entries,
    Field,
    Items,
    Literal,
    Loop,
    Name,
    Node,
    syntax_tree,
)


@lru_cache(maxsize=4_096)
def members_of(text: str, variable: str) -> tuple[str | None, ...]:
    """Every mention of a variable: the member that is meant, None for the variable as a whole.

    A name that a macro binds hides the variable. Nothing is found in what nests too deeply, which
    `checked_expression` refuses.

    Raises:
        ExpressionError: it cannot be parsed.
    """
    if variable not in text:
        return ()
    tree = syntax_tree(parse_expression(text, variables=frozenset()))
    return tuple(_members(tree, variable))


def _members(node: Node, variable: str) -> Iterator[str | None]:
    match node:
        case Name(name) if name == variable:
            yield None
        case Field(Name(name), member) if name == variable:
            yield member
        case Call("_[_]", (Name(name), Literal(str(member)))) if name == variable:
            yield member
        case Field(of):
            yield from _members(of, variable)
        case Call(_, parts) | Items(parts) | Entries(parts):
            for part in parts:
                yield from _members(part, variable)
        case Loop(name, of, so_far, step):
            yield from _members(of, variable)
            if variable not in (name, so_far):
                yield from _members(step, variable)
