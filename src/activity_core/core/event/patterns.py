"""Patterns of types and sources: a text as it is, or what it begins with and a final `*`.

Asked by `matching` (who listens), by `admission` (who may send, what is registered) and about
cycles. `*` stands for one character or more.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


def takes(pattern: str | None, text: str) -> bool:
    """Whether a pattern takes a text; None takes every one."""
    if pattern is None:
        return True
    if pattern.endswith("*"):
        return len(text) >= len(pattern) and text.startswith(pattern[:-1])
    return text == pattern


def uncovered(patterns: Iterable[str]) -> tuple[str, ...]:
    """Those that no other one covers: a text is then taken by one of them at most."""
    different = tuple(dict.fromkeys(patterns))
    return tuple(
        pattern
        for pattern in different
        if not any(other != pattern and takes(other, pattern) for other in different)
    )


class PatternMap(Generic[Item]):
    """One item per pattern, found without asking each pattern."""

    def __init__(self) -> None:
        self._exact: dict[str, Item] = {}
        self._by_prefix: dict[str, Item] = {}
        self._lengths: Counter[int] = Counter()
        self._longest_first: list[int] = []

    def at(self, pattern: str, make: Callable[[], Item]) -> Item:
        """The item of a pattern, made if there is none."""
        items, text = self._place(pattern)
        if text not in items:
            items[text] = make()
            self._count(items, text, 1)
        return items[text]

    def remove(self, pattern: str) -> None:
        """Forget the item of a pattern that has one."""
        items, text = self._place(pattern)
        del items[text]
        self._count(items, text, -1)

    def taking(self, text: str) -> Iterator[Item]:
        """Of the patterns that take a text: the exact one, then the longest prefixes first."""
        if text in self._exact:
            yield self._exact[text]
        for length in self._longest_first:
            if length < len(text) and text[:length] in self._by_prefix:
                yield self._by_prefix[text[:length]]

    def __len__(self) -> int:
        return len(self._exact) + len(self._by_prefix)

    def _place(self, pattern: str) -> tuple[dict[str, Item], str]:
        items = self._by_prefix if pattern.endswith("*") else self._exact
        return items, pattern.removesuffix("*")

    def _count(self, items: dict[str, Item], text: str, more: int) -> None:
        if items is self._by_prefix:
            self._lengths[len(text)] += more
            if self._lengths[len(text)] == max(more, 0):  # the first, or the last that went
                self._lengths += Counter()  # drops what is zero
                self._longest_first = sorted(self._lengths, reverse=True)


class PatternIndex(Generic[Item]):
    """Any number of items per pattern."""

    def __init__(self, items: Iterable[tuple[str, Item]]) -> None:
        self._lists: PatternMap[list[Item]] = PatternMap()
        for pattern, item in items:
            self._lists.at(pattern, list).append(item)

    def taking(self, text: str) -> Iterator[Item]:
        """Whose pattern takes a text: the exact ones, then the longest prefixes first."""
        for items in self._lists.taking(text):
            yield from items
