"""Clauses: all of a filter that can be judged without CEL.

In: texts of filters. Out: `Clauses`. What is left out stays *residual*: the filter is then
evaluated by CEL, as a whole, for those events that its clauses take.

Numbers from 2**53 on are residual, because a double beside them may stand for several integers; so
are strings with U+0000 or U+FFFD, because one becomes the other on the way to CEL.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from sys import intern

from activity_core.core.expression.syntax import Call, Field, Items, Literal, Name, Node
from activity_core.core.matching.clause import (
    NO_SCALAR,
    Clause,
    Differs,
    Key,
    OneOf,
    Path,
    Prefix,
    Present,
    Range,
    key_of,
)
from activity_core.core.matching.conjuncts import conjunct_trees, filter_tree

_EXACT = 2.0**53


@dataclass(frozen=True, slots=True)
class Clauses:
    """Those of one filter: it holds only if each does, and if it is `whole`, whenever each does."""

    clauses: tuple[Clause, ...]
    whole: bool


def clauses_of(text: str) -> Clauses:
    """All that can be had of a filter.

    Raises:
        ExpressionError: it cannot be parsed.
    """
    read = [_clause(tree) for tree in conjunct_trees(filter_tree(text))]
    found = [clause for clause in read if clause is not None]
    ranges = sorted((c for c in found if isinstance(c, Range)), key=_path)
    others = [c for c in found if not isinstance(c, Range)]
    merged = [_merged(list(same)) for _, same in groupby(ranges, key=_path)]
    return Clauses((*others, *merged), whole=None not in read)


def _path(clause: Clause) -> Path:
    return clause.path


def _merged(ranges: Sequence[Range]) -> Clause:
    low, high = max(r.low for r in ranges), min(r.high for r in ranges)
    path = ranges[0].path
    return Range(path, low, high) if low <= high else OneOf(path, frozenset())


def _clause(tree: Node) -> Clause | None:
    if isinstance(tree, Field) and tree.tested:
        path = _path_at(replace(tree, tested=False))
        return None if path is None else Present(path)
    if (values := _values(tree)) is not None:
        return OneOf(*values)
    if not isinstance(tree, Call) or len(tree.arguments) != 2:  # noqa: PLR2004 - two sides
        return None
    left, right = tree.arguments
    if tree.function == "startsWith" and tree.is_method:
        path, text = _path_at(left), _string(right)
        return None if path is None or text is None else Prefix(path, text)
    if tree.function == "_!=_":
        path, key = _path_and_key(left, right)
        return None if path is None or key is NO_SCALAR else Differs(path, key)
    return _range(tree.function, left, right)


def _values(tree: Node) -> tuple[Path, frozenset[Key]] | None:
    """A path and the values that it may have, of `==`, `in`, a bare path, and `||` of them."""
    match tree:
        case Call("_||_", (left, right)):
            one, other = _values(left), _values(right)
            if one is None or other is None or one[0] != other[0]:
                return None
            return one[0], one[1] | other[1]
        case Call("@in", (left, Items(items))):
            path, keys = _path_at(left), frozenset(_key(item) for item in items)
        case Call("_==_", (left, right)):
            path, key = _path_and_key(left, right)
            keys = frozenset({key})
        case Call("!_", (negated,)):
            path, keys = _path_at(negated), frozenset({key_of(False)})
        case _:
            path, keys = _path_at(tree), frozenset({key_of(True)})
    return None if path is None or NO_SCALAR in keys else (path, keys)


def _range(function: str, left: Node, right: Node) -> Range | None:
    path, limit = _path_at(left), _key(right)
    if path is None:
        path, limit, function = _path_at(right), _key(left), _MIRRORED.get(function, "")
    if path is None or type(limit) not in {int, float}:
        return None
    bound = float(limit)  # type: ignore[arg-type] # a number, see above
    match function:
        case "_<_":
            return Range(path, -math.inf, math.nextafter(bound, -math.inf))
        case "_<=_":
            return Range(path, -math.inf, bound)
        case "_>_":
            return Range(path, math.nextafter(bound, math.inf), math.inf)
        case "_>=_":
            return Range(path, bound, math.inf)
    return None


_MIRRORED: Mapping[str, str] = {"_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_"}


def _path_and_key(left: Node, right: Node) -> tuple[Path | None, Key]:
    """Of two sides, in either order; NO_SCALAR if the other one is no plain literal."""
    path = _path_at(left)
    return (_path_at(right), _key(left)) if path is None else (path, _key(right))


def _path_at(tree: Node) -> Path | None:
    """The path that an expression is. `time` is residual: it is only written out for CEL."""
    keys: list[str] = []
    while True:
        match tree:
            case Field(of, name, tested=False) | Call("_[_]", (of, Literal(str(name)))):
                keys.append(intern(name))
                tree = of
            case Name("event"):
                is_plain = keys and keys[-1] != "time" and all(_is_plain(key) for key in keys)
                return tuple(reversed(keys)) if is_plain else None
            case _:
                return None


def _key(tree: Node) -> Key:
    """Of a literal that compares here as it does in CEL, else NO_SCALAR."""
    if not isinstance(tree, Literal):
        return NO_SCALAR
    value = tree.value
    if isinstance(value, str):
        return value if _is_plain(value) else NO_SCALAR
    if value is None or isinstance(value, bool) or abs(value) < _EXACT:
        return key_of(value)
    return NO_SCALAR


def _string(tree: Node) -> str | None:
    key = _key(tree)
    return key if isinstance(key, str) else None


def _is_plain(text: str) -> bool:
    return "\x00" not in text and "\ufffd" not in text
