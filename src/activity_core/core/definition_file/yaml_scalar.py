"""What one scalar of YAML means, by the core schema of YAML 1.2; used by `yaml_tree`.

Numbers come out as `jsontext` has them (an integer beyond 64 bits is a float).
"""

import math
import re
from typing import Final

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE"})
_FALSE: Final = frozenset({"false", "False", "FALSE"})
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OTHER_BASE = re.compile(r"0o[0-7]{1,22}|0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class NotAllowedError(ValueError):
    """YAML, but nothing that JSON in PostgreSQL can hold."""


def resolve(text: str, *, plain: bool) -> str | int | float | bool | None:
    """The value of a scalar; only plain ones (without quotes) can be other than text.

    Raises:
        NotAllowedError: NUL, or a number that is not finite.
    """
    if "\0" in text:
        raise NotAllowedError("the character NUL is not allowed")
    if not plain:
        return text
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _FLOAT.fullmatch(text):
        return _number(text)
    if _OTHER_BASE.fullmatch(text):
        return _within_int64(int(text, base=0))
    if _NOT_FINITE.fullmatch(text):
        raise NotAllowedError(f"`{text}` is not a finite number")
    return text


def _number(text: str) -> int | float:
    number = float(text)
    if not math.isfinite(number):
        raise NotAllowedError(f"`{text:.40}` is too large for a number")
    if not _INTEGER.fullmatch(text):
        return number
    return _within_int64(int(text)) if abs(number) < 2**64 else number


def _within_int64(number: int) -> int | float:
    return number if -(2**63) <= number < 2**63 else float(number)
