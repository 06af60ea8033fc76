"""The budget: what an expression may cost at most, known before it is evaluated.

In: the syntax tree and, where their size alone does not settle it, the values that the expression
sees. Out: a bound of the work, or an ExpressionError. cel-cpp itself bounds nothing but the
iterations of one evaluation, and frees nothing until it is over: what is made counts as work too,
so that the bound is one of memory as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from activity_core.core.errors import ExpressionError
from activity_core.core.expression.call_cost import MADE_ITEM, cost_of_call
from activity_core.core.expression.message import shorten
from activity_core.core.expression.sizes import NOTHING, Known, Size, Sized, scalar
from activity_core.core.expression.syntax import (
    Call,
    Entries,
    Field,
    Items,
    Literal,
    Loop,
    Name,
    Node,
    Opaque,
)

LIMIT = 5e8
"""Of one evaluation, in nanoseconds; some 200 MB."""

_ITERATIONS = 10_000.0  # cel-cpp's own bound
_NODE, _RESULT_NODE, _RESULT_CHAR = 100.0, 300.0, 5.0
_LEAST, _LARGEST = 3, 27  # powers of two: any data has 8 characters; 128 MiB
_IN_HALVES = 4.0
_A_LIST = "making a list"
_HINTS = {_A_LIST: "exists and all are quicker than filter and map; a rule takes for_each and when"}


@dataclass(frozen=True, slots=True)
class Cost:
    """`work` in nanoseconds; `what` costs most of it, a function or macro `at` that character."""

    work: float
    what: str
    at: int


@dataclass(frozen=True, slots=True)
class Budget:
    """Of one expression: whatever values it sees are fine up to `safe` characters, all together."""

    tree: Node
    safe: int

    @property
    def whatever(self) -> Cost | None:
        """What it costs however small the values are, if that is too much."""
        return None if self.safe else cost_at_size(self.tree, 2.0**_LEAST)

    def check(self, values: Mapping[str, Any], text: str) -> None:
        """Let it pass on these values, or not.

        Raises:
            OverBudgetError: it may cost too much.
        """
        cost = cost_on(self.tree, values)
        if cost.work > LIMIT:
            raise OverBudgetError(cost, text)


class OverBudgetError(ExpressionError):
    """The bound is over the limit; some other data may be fine."""

    def __init__(self, cost: Cost, text: str) -> None:
        over = cost.work / LIMIT
        super().__init__(
            f"may take too long on data of this size: {over:,.1f} times the budget, most of it for "
            f"{cost.what} in {shorten(text, 100)}",
            hint=_HINTS.get(cost.what, "let it see less data, or split it up"),
        )
        self.is_divisible = over <= _IN_HALVES


def budget_of(tree: Node) -> Budget:
    """What is known without any values; `safe` is 0 if none are fine."""
    if isinstance(tree, Opaque):  # it nests so deeply that it could not be read
        return Budget(tree, 0)
    low, high = _LEAST - 1, _LARGEST
    while low < high:
        middle = (low + high + 1) // 2
        if cost_at_size(tree, 2.0**middle).work <= LIMIT:
            low = middle
        else:
            high = middle - 1
    return Budget(tree, 2**low if low >= _LEAST else 0)


def cost_on(tree: Node, values: Mapping[str, Any]) -> Cost:
    """At most, on these values."""
    known = {name: Known([value], 1.0, 1.0) for name, value in values.items()}
    return _Weighing(known, Sized(NOTHING, NOTHING)).of(tree)


def cost_at_size(tree: Node, size: float) -> Cost:
    """At most, on any values that have so many characters when they are written out."""
    anything = Size(size, size, size)
    return _Weighing({}, Sized(anything, anything)).of(tree)


class _Weighing:
    """One walk through a tree. A node is visited once, with how often it is evaluated at most."""

    def __init__(self, values: Mapping[str, Sized], other: Sized) -> None:
        self._scope = {name: (value, 0) for name, value in values.items()}
        self._other = other
        self._depth = 0
        self._work = 0.0
        self._worst = (0.0, "its length", 0)

    def of(self, tree: Node) -> Cost:
        if isinstance(tree, Opaque):
            return Cost(inf, "nesting", 0)
        result = self._visit(tree, 1.0).total
        self._charge(_RESULT_NODE * result.nodes + _RESULT_CHAR * result.chars, "the result", 0)
        return Cost(self._work, *self._worst[1:])

    def _charge(self, work: float, what: str, at: int) -> None:
        self._work += work
        self._worst = max(self._worst, (work, what, at))

    def _visit(self, node: Node, times: float) -> Sized:  # noqa: PLR0911 - one per kind
        self._work += _NODE * times
        match node:
            case Literal(constant):
                return Known([constant], times, times)
            case Name(name):
                value, depth = self._scope.get(name, (self._other, 0))
                return value if depth == self._depth else value.spread(times)
            case Field(of, name, tested):
                found = self._visit(of, times).field(name, times)
                return scalar(times) if tested else found
            case Items(items):
                literals = [item.value for item in items if isinstance(item, Literal)]
                if len(literals) == len(items):
                    return Known([literals], times, times)
                return self._written(items, times)
            case Entries(items):
                return self._written(items, times)
            case Loop():
                return self._loop(node, times)
            case Call():
                return self._call(node, times)
            case Opaque():
                return scalar(times)

    def _written(self, items: tuple[Node, ...], times: float) -> Sized:
        values = [self._visit(item, times) for item in items]
        count = float(len(items))
        most = Size(count, 3 * count, count)
        total = most.times(times)
        each = NOTHING
        for value in values:
            each = each.greater(value.most)
            most = most.plus(value.most._replace(length=0.0))
            total = total.plus(value.total._replace(length=0.0))
        self._work += MADE_ITEM * total.length
        return Sized(most, total, each=each)

    def _loop(self, loop: Loop, times: float) -> Sized:
        of = self._visit(loop.of, times)
        longest = min(of.most.length, _ITERATIONS)
        passes = min(of.total.length, _ITERATIONS)
        outer, self._scope, self._depth = self._scope, dict(self._scope), self._depth + 1
        self._scope[loop.name] = (of.items(passes), self._depth)
        self._scope[loop.so_far] = (scalar(passes), self._depth)
        step = loop.step
        if isinstance(step, Call) and step.function == "_?_:_":
            self._visit(step.arguments[0], passes)
            step = step.arguments[1]
        match step:
            case Call("_+_", (Name(loop.so_far), Items((item,)))):
                made = self._visit(item, passes)
                # Each pass copies all that there is so far.
                self._charge(MADE_ITEM / 2 * longest * passes, _A_LIST, loop.at)
                result = _gathered(made, longest, passes, times)
                if isinstance(made, Known) and _is_part_of(loop.name, item):
                    result = made.gathered(times)
            case _:
                self._visit(step, passes)
                result = scalar(times)
        self._scope, self._depth = outer, self._depth - 1
        return result

    def _call(self, call: Call, times: float) -> Sized:
        arguments = [self._visit(argument, times) for argument in call.arguments]
        match call.function, arguments, call.arguments:
            case "_[_]", [of, _], [_, Literal(str() | int() | float() as index)]:
                return of.field(index, times)
            case "_[_]", [of, _], _:
                return of.any_part(times)
            case "dyn", [value], _:
                return value
            case "_?_:_", [_, Known() as one, Known() as other], _:
                return one.or_else(other, times)
            case "_?_:_", [_, one, other], _:
                most, is_text = one.most.greater(other.most), one.is_text and other.is_text
                total = one.total.plus(other.total).lesser(most.times(times))
                return Sized(most, total, is_text=is_text)
        work, result = cost_of_call(call.function, arguments, times)
        self._charge(work, call.function.strip("_@"), call.at)
        return result


def _gathered(made: Sized, longest: float, passes: float, times: float) -> Sized:
    one = Size(1.0, 3.0, 1.0)
    total = made.total._replace(length=0.0).plus(one.times(passes))
    most = made.most._replace(length=0.0).plus(one).times(longest).lesser(total)
    return Sized(most, total.lesser(most.times(times)), each=made.most)


def _is_part_of(name: str, node: Node) -> bool:
    while isinstance(node, Field):
        node = node.of
    return isinstance(node, Name) and node.name == name
