"""Patterns of types and sources: a text as it is, or what it begins with and a final `*`.

Asked by `rules.matching` (who listens), by `admission` (who may send, what is registered) and about
cycles. `*` stands for one character or more.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


def takes(pattern: str | None, text: str) -> bool:
    """Whether a pattern takes a text; None takes every one."""
    if pattern is None:
        return True
    if pattern.endswith("*"):
        return len(text) >= len(pattern) and text.startswith(pattern[:-1])
    return text == pattern


class PatternIndex(Generic[Item]):
    """Items by their patterns, found without asking each pattern."""

    def __init__(self, items: Iterable[tuple[str, Item]]) -> None:
        self._exact: dict[str, list[Item]] = defaultdict(list)
        self._by_prefix: dict[str, list[Item]] = defaultdict(list)
        for pattern, item in items:
            index = self._by_prefix if pattern.endswith("*") else self._exact
            index[pattern.removesuffix("*")].append(item)
        self._lengths = sorted({len(prefix) for prefix in self._by_prefix}, reverse=True)

    def taking(self, text: str) -> Iterator[Item]:
        """Whose pattern takes a text: the exact ones, then the longest prefixes first."""
        yield from self._exact.get(text, ())
        for length in self._lengths:
            if length < len(text):
                yield from self._by_prefix.get(text[:length], ())
