"""Why not: which clause of a filter keeps an event out, with the values that it met.

In: the text of a filter and what it sees. Out: the clause in its author's own text and a sentence
for operators. What holds is for CEL to say: the pieces are evaluated like the whole.
"""

import re
from dataclasses import dataclass

from activity_core.core.errors import ExpressionError
from activity_core.core.expression.condition import Bindings, Program, compile_expression
from activity_core.core.expression.message import shorten
from activity_core.core.expression.syntax import Call, Items, Literal, Node
from activity_core.core.jsontext import canonical_json
from activity_core.core.matching.conjuncts import EVENT_VARIABLES, Conjunct, conjuncts

LONGEST_VALUE = 80
LONGEST_CLAUSE = 200
"""Characters that are shown; a filter may have many more."""

_MISSING = re.compile(r'^Key not found in map : "(.*)"$')


@dataclass(frozen=True, slots=True)
class WhyNot:
    """`failed`: it has no answer; else it says no. `reason` names the clause, too."""

    clause: str
    reason: str
    failed: bool


def why_not(text: str, bindings: Bindings) -> WhyNot | None:
    """The first clause that is false, else the first that fails; None if the filter holds.

    False goes first because it does in CEL, too: beside it, what fails does not matter.

    Raises:
        ExpressionError: the filter does not compile.
    """
    whole = _program(text)
    failure: ExpressionError | None = None
    try:
        if whole.holds(bindings):
            return None
    except ExpressionError as error:
        failure = error
    for conjunct in conjuncts(text):
        truth = _truth(conjunct.text, bindings)
        if truth is not True and (isinstance(truth, ExpressionError)) == (failure is not None):
            return _told(conjunct, bindings, failed=failure is not None)
    # Each piece may stay within the budget that the whole exceeds.
    said = "false" if failure is None else _message(failure, text)
    clause = shorten(text, LONGEST_CLAUSE)
    return WhyNot(clause, f"{clause}: {said}", failure is not None)


def _told(conjunct: Conjunct, bindings: Bindings, *, failed: bool) -> WhyNot:
    clause = shorten(conjunct.text, LONGEST_CLAUSE)
    said = _account(conjunct, bindings)
    return WhyNot(clause, said if said.startswith(f"{clause} is ") else f"{clause}: {said}", failed)


def _account(conjunct: Conjunct, bindings: Bindings) -> str:
    """What the clause is, with values in the place of what it compares."""
    tree, text = conjunct.tree, conjunct.text
    here = tree.at - conjunct.start
    if isinstance(tree, Call) and tree.function == "_||_":
        sides = (text[:here], text[here + 2 :])
        return ", ".join(_accounts(side, bindings) for side in sides)
    if isinstance(tree, Call) and tree.function == "!_":
        return _accounts(text[here + 1 :], bindings)
    truth = _truth(text, bindings)
    if isinstance(truth, ExpressionError) and not _is_about_values(truth):
        return _message(truth, text)
    shown = shorten(text, LONGEST_CLAUSE)
    if conjunct.sides is not None and isinstance(tree, Call):
        left, operator, right = conjunct.sides
        values = [
            _value(*side, bindings) for side in zip((left, right), tree.arguments, strict=True)
        ]
        shown = f" {operator} ".join(values)
    elif isinstance(tree, Call) and tree.is_method:
        receiver, _, method = text[:here].rpartition(".")
        value = _value(receiver.strip(), tree.arguments[0], bindings)
        shown = f"{value}.{method.strip()}{text[here:]}"
        shown = shorten(shown, LONGEST_CLAUSE)
    if isinstance(truth, ExpressionError):
        return f"{shown}: {_message(truth, text)}"
    return f"{shown} is {str(truth).lower()}"


def _accounts(text: str, bindings: Bindings) -> str:
    """The same of a part of a clause; of several conjuncts, the first that is not true, or all."""
    parts = conjuncts(text)
    untrue = [part for part in parts if _truth(part.text, bindings) is not True]
    return ", ".join(_account(part, bindings) for part in untrue[:1] or parts)


def _value(text: str, tree: Node, bindings: Bindings) -> str:
    if _is_constant(tree):
        return shorten(text, LONGEST_VALUE)
    try:
        value = _program(text).evaluate(bindings)
    except ExpressionError:
        return shorten(text, LONGEST_VALUE)
    return shorten(canonical_json(value).decode(), LONGEST_VALUE)


def _is_constant(node: Node) -> bool:
    if isinstance(node, Items):
        return all(map(_is_constant, node.items))
    return isinstance(node, Literal)


def _truth(text: str, bindings: Bindings) -> bool | ExpressionError:
    try:
        return _program(text).holds(bindings)
    except ExpressionError as error:
        return error


def _program(text: str) -> Program:
    return compile_expression(text, variables=EVENT_VARIABLES)


def _is_about_values(error: ExpressionError) -> bool:
    """Whether showing the values tells more than the error does: their types do not fit."""
    return error.message.startswith("No matching overloads")


def _message(error: ExpressionError, text: str) -> str:
    """What went wrong, without the text, which stands beside it."""
    said = error.message.removesuffix(f" in {shorten(text, 100)}")
    return _MISSING.sub(r"no such key: \1", said)
