"""JSON text from outside becomes values that are safe everywhere behind; values become one text.

In: `parse_json` (bodies of HTTP requests, broker messages, webhooks). Out: `canonical_json`
(stored bodies, digests, hashes). What the rest of the system cannot hold is refused here, once:
PostgreSQL refuses lone surrogates and huge exponents, CEL crashes on very deep values and has
64-bit integers, and two readers of a duplicate key may see different values.

`JsonValue` is pydantic's alias, so that it works for mypy and in fields of models alike.
"""

import json
import math
import re
from typing import Any, NoReturn

from pydantic import JsonValue

from activity_core.core.errors import MalformedJsonError

__all__ = ["MAX_DEPTH", "JsonValue", "canonical_json", "parse_json"]

MAX_DEPTH = 64
"""Levels of arrays and objects that a text may nest, unless the caller says otherwise."""

_INT64 = range(-(2**63), 2**63)
_INT64_SAFE_LENGTH = 18  # so many characters always fit, without a comparison
# Possessive, and with an optional end: linear on every input, also on unterminated strings.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_AS_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def parse_json(raw: bytes, *, max_depth: int = MAX_DEPTH) -> JsonValue:
    r"""Read one JSON text (RFC 8259, UTF-8 without BOM).

    Integers outside int64 become floats, as CEL and most other readers would have them.
    `\u0000` is allowed.

    Raises:
        MalformedJsonError: not JSON, not UTF-8, a key twice in one object, a number that no
            double holds, an unpaired surrogate, or more than `max_depth` levels.
    """
    _check_depth(raw, max_depth)
    try:
        text = raw.decode()
        value: JsonValue = _DECODER.decode(text)
        if r"\ud" in text or r"\uD" in text:
            _WRITER_UNICODE.encode(value).encode()
    except json.JSONDecodeError as error:
        raise MalformedJsonError(
            f"not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        ) from None
    except UnicodeDecodeError as error:
        raise MalformedJsonError(f"not UTF-8 at byte {error.start}") from None
    except UnicodeEncodeError:
        raise MalformedJsonError("a \\u escape is half of a surrogate pair") from None
    return value


def canonical_json(value: JsonValue) -> bytes:
    """The one text of a value: sorted keys, no white space, ASCII.

    Equal values give equal bytes, whatever the order of their keys. Numbers stay as they were
    written: `1` and `1.0` differ.

    Raises:
        ValueError: a NaN or an infinity, which JSON cannot say.
    """
    return _WRITER.encode(value).encode("ascii")


def _check_depth(raw: bytes, max_depth: int) -> None:
    # Before parsing: the parser recurses. Most texts hold fewer brackets than levels are allowed.
    if raw.count(b"[") + raw.count(b"{") <= max_depth:
        return
    # Without escapes, what stands outside of strings is every second piece between quotes.
    outside = _STRING.sub(b"", raw) if b"\\" in raw else b"".join(raw.split(b'"')[::2])
    brackets = outside.translate(_AS_BRACKETS, _NOT_BRACKETS)
    for _ in range(max_depth):  # each pass takes away exactly the innermost level
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise MalformedJsonError(f"nested deeper than {max_depth} levels, or brackets do not match")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise MalformedJsonError(f"key {_shown(twice)} occurs twice in one object")
    return value


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise MalformedJsonError(f"number {_shown(text)} is too large for a double")
    return number


def _int(text: str) -> int | float:
    if len(text) <= _INT64_SAFE_LENGTH:
        return int(text)
    number = _float(text)  # first: it has no limit of digits
    return exact if abs(number) < 2**64 and (exact := int(text)) in _INT64 else number


def _constant(text: str) -> NoReturn:
    raise MalformedJsonError(f"not JSON: {text} is no number")


def _shown(text: str) -> str:
    return json.dumps(text if len(text) <= 40 else f"{text[:37]}...")  # noqa: PLR2004 - a line


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_float, parse_int=_int, parse_constant=_constant
)
_WRITER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
)
_WRITER_UNICODE = json.JSONEncoder(ensure_ascii=False, check_circular=False)
