"""Conditions: CEL, compiled once and evaluated often.

In: texts from definitions (`compile_expression`) and the values that they see (`Bindings`, made
once for several evaluations: conversion to CEL costs more than evaluation). Out: plain JSON.

Everything that cel-cpp does differently from what the rest of this system needs is dealt with
here: errors that come back as values, strings cut at U+0000, results that JSON cannot say. Numbers
compare across int and double (`5 == 5.0`); arithmetic needs `double(…)` or `int(…)`. One evaluation
makes at most 10 000 iterations, and is not begun if it may cost more than its `budget`; the order
of a map's keys is not defined.
"""

import base64
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_strings

from activity_core.core.errors import ExpressionError
from activity_core.core.expression.budget import Budget, budget_of
from activity_core.core.expression.message import compile_error, evaluation_error
from activity_core.core.expression.syntax import syntax_tree
from activity_core.core.jsontext import JsonValue

_EXTENSIONS = (ext_strings.ExtStrings(), ext_math.ExtMath())
_ANYTHING = cel.NewEnv()
_TOO_WIDE = "Integer value "  # … out of range, says cel-cpp
_INTEGERS = range(-(2**63), 2**64)
_LARGEST = 2**1023
_NUL = "\x00"
_STAND_IN = "\ufffd"
_NOT_PLAIN = re.compile(r"[(+]|\bin\b|.{500}", re.DOTALL)
_AS_IT_IS = frozenset({str, int, bool, type(None)})


class Bindings:
    """Values by variable name, ready for CEL; they must not change while it is in use.

    `size` is how many characters they have when they are written out.
    U+0000 becomes U+FFFD: CEL would end the string there, and `admin` + U+0000 equal `admin`.
    Integers that CEL cannot hold become doubles, as those of events from outside did before.

    Raises:
        ExpressionError: the values nest too deeply.
    """

    __slots__ = ("activation", "is_rounded", "size", "values")

    def __init__(self, values: Mapping[str, JsonValue]) -> None:
        try:
            # The quickest search through all strings; a backslash in the data costs a copy.
            written = repr(values)
            clean = without_nul(values) if r"\x00" in written else values
        except RecursionError:
            raise ExpressionError("the values nest too deeply") from None
        self.size = len(written)
        self.values: Mapping[str, Any] = clean
        self.is_rounded = False
        self.activation = _ANYTHING.Activation(clean)

    def round(self) -> None:
        """Make doubles of integers that CEL cannot hold: they are looked for once it complains."""
        self.values = _rounded(self.values)
        self.is_rounded = True
        self.activation = _ANYTHING.Activation(self.values)


Values = Mapping[str, JsonValue] | Bindings


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled expression; `result_type` is CEL's name of it, like BOOL or LIST<DYN>."""

    text: str
    result_type: str
    _compiled: Any
    _budgeted: tuple[str, frozenset[str]] | None

    def evaluate(self, values: Values) -> JsonValue:
        """The result as JSON: timestamps in RFC 3339, durations as `90s`, bytes in base64.

        Raises:
            ExpressionError: it failed on these values, or gave what JSON cannot say.
        OverBudgetError: it was not tried on them.
        """
        return plain_json(self._run(values).plain_value())

    def holds(self, values: Values) -> bool:
        """Whether it is true; any result but true and false is an ExpressionError."""
        result = self._run(values)
        value = result.value()
        if value is True or value is False:
            return value
        raise ExpressionError(f"must be true or false, is {result.type().name()}")

    def _run(self, values: Values) -> Any:
        bindings = values if isinstance(values, Bindings) else Bindings(values)
        if self._budgeted is not None:
            budget = budget_for(*self._budgeted)
            if bindings.size > budget.safe:
                budget.check(bindings.values, self.text)
        try:
            result = self._compiled.eval(bindings.activation)
            value = result.value()
            if type(value) is bool or result.type() != cel.Type.ERROR:  # the type takes longer
                return result
            message = value
        except (RuntimeError, MemoryError) as error:
            message = str(error)
        if bindings.is_rounded or _TOO_WIDE not in message:
            raise evaluation_error(message, self.text)
        bindings.round()
        return self._run(bindings)


@lru_cache(maxsize=16_384)  # about 10 KB each
def compile_expression(text: str, *, variables: frozenset[str], shown: str = "") -> Program:
    """Compile and type-check CEL; every variable may hold any JSON.

    `shown` stands for the text in errors of the evaluation, where it is not what a person wrote.

    Raises:
        ExpressionError: what is wrong and where (line:column, from 1), perhaps what was meant.
    """
    compiled = _compiled(text, variables)
    # Paths and comparisons cost no more than making the bindings did.
    budgeted = (text, variables) if _NOT_PLAIN.search(text) else None
    return Program(shown or text, compiled.return_type().name(), compiled, budgeted)


@lru_cache(maxsize=16_384)
def budget_for(text: str, variables: frozenset[str]) -> Budget:
    """What an expression that compiles may cost."""
    return budget_of(syntax_tree(parse_expression(text, variables=variables)))


def parse_expression(text: str, *, variables: frozenset[str]) -> bytes:
    """The syntax of CEL that is not checked any further, as cel-cpp's protobuf message of it.

    That is a google.protobuf.Any of a cel.expr.ParsedExpr; a third quicker than compiling.

    Raises:
        ExpressionError: it cannot be parsed.
    """
    syntax: bytes = _compiled(text, variables, disable_check=True).serialize()
    return syntax


def _compiled(text: str, variables: frozenset[str], **options: bool) -> Any:
    try:
        return _environment(variables).compile(text, **options)
    except RuntimeError as error:
        raise compile_error(str(error), text, variables) from None


@lru_cache(maxsize=1_024)
def _environment(variables: frozenset[str]) -> Any:
    return cel.NewEnv(variables=dict.fromkeys(variables, cel.Type.DYN), extensions=_EXTENSIONS)


def without_nul(value: Any) -> Any:
    """A copy with U+FFFD wherever a string or key has U+0000."""
    if isinstance(value, str):
        return value.replace(_NUL, _STAND_IN)
    if isinstance(value, Mapping):
        return {without_nul(key): without_nul(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nul(item) for item in value]
    return value


def _rounded(value: Any) -> Any:
    if type(value) is int and value not in _INTEGERS:
        return float(max(-_LARGEST, min(value, _LARGEST)))
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return value


def rfc3339(instant: datetime) -> str:
    """UTC with `Z`, fractions only when there are any: `2026-11-21T09:00:00Z`."""
    return instant.astimezone(UTC).isoformat()[: -len("+00:00")] + "Z"


def plain_json(value: Any) -> JsonValue:  # noqa: PLR0911 - one line per type
    """What CEL gave, as JSON.

    Raises:
        ExpressionError: a type, NaN or an infinity.
    """
    match value:
        case None | bool() | int() | str():
            return value
        case float() if math.isfinite(value):
            return value
        case list():
            return [item if type(item) in _AS_IT_IS else plain_json(item) for item in value]
        case dict():
            return {
                key if type(key) is str else str(key).lower(): (
                    item if type(item) in _AS_IT_IS else plain_json(item)
                )
                for key, item in value.items()
            }
        case bytes() | bytearray():
            return base64.b64encode(value).decode()
        case datetime():
            return rfc3339(value)
        case timedelta():
            return re.sub(r"\.?0+$", "", f"{value.total_seconds():.6f}") + "s"
        case _:
            raise ExpressionError(f"the result {str(value)[:40]} cannot be said in JSON")
