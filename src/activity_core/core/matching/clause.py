"""A clause: one conjunct of a filter that can be judged without CEL, with the very same result.

Made by `clauses` of a filter's tree; `branches` sorts listeners by it, `interest` asks it about
values. It is about one path into what CEL sees as `event`. A path that leads nowhere is an error in
CEL and no match here, which is the same for a conjunct. A boolean is no number; int and double
compare as the numbers that they are.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final

Path = tuple[str, ...]
"""Keys from `event` on, at least one."""

Key = Hashable
"""Stands for a value, so that keys are equal exactly if CEL holds the values to be equal."""


class _Missing:
    """Of a class of its own, so that it passes no test of type."""


MISSING: Final = _Missing()
"""The value at a path that leads nowhere."""

NO_SCALAR: Final = object()
"""The key of what is compared by CEL only: lists, maps and MISSING."""


def key_of(value: Any) -> Key:
    """The key of a scalar, else NO_SCALAR."""
    kind = type(value)
    if kind is str or kind is int or kind is float or value is None:
        return value  # type: ignore[no-any-return] # all of them are hashable
    return (value,) if kind is bool else NO_SCALAR


@dataclass(frozen=True, slots=True)
class OneOf:
    """The value is one of these, by `key_of`; none of them: it never holds."""

    path: Path
    keys: frozenset[Key]

    def takes(self, value: Any) -> bool:
        """Whether it holds of the value at its path; so in all classes here."""
        return key_of(value) in self.keys


@dataclass(frozen=True, slots=True)
class Prefix:
    """The value is a string that begins so."""

    path: Path
    text: str

    def takes(self, value: Any) -> bool:
        """See `OneOf`."""
        return type(value) is str and value.startswith(self.text)


@dataclass(frozen=True, slots=True)
class Range:
    """The value is a number from `low` to `high`, both included."""

    path: Path
    low: float
    high: float

    def takes(self, value: Any) -> bool:
        """See `OneOf`."""
        kind = type(value)
        return (kind is int or kind is float) and self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Present:
    """There is a value, be it null."""

    path: Path

    def takes(self, value: Any) -> bool:
        """See `OneOf`."""
        return value is not MISSING


@dataclass(frozen=True, slots=True)
class Differs:
    """There is a value, and it is another one."""

    path: Path
    key: Key

    def takes(self, value: Any) -> bool:
        """See `OneOf`."""
        return value is not MISSING and key_of(value) != self.key


Clause = OneOf | Prefix | Range | Present | Differs
