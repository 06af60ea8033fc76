"""Excerpts: of an event, only what clauses are about.

In: paths, wanted and forgotten one by one, and stored events. Out: what clauses see of an event: at
each wanted path just what they would see there in the whole event; elsewhere maps may lack keys,
and lists are never looked into.

Decoding the few values that count takes a fraction of the time that the whole event takes. But a
decoder costs as much as many events, so a new path is first read from whole ones: changing the
definitions stays cheap, however many there are.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

import msgspec

from activity_core.core.event.envelope import ABSENT
from activity_core.core.event.stored_event import StoredEvent
from activity_core.core.matching.clause import Clause, Path

_WHOLE_PER_PATH = 5
"""Events that are read whole, for each wanted path, before a decoder is made."""
_MOST_KEYS = 32
"""Of one map. The decoder tries them in turn for each key in the text."""

_Tree = dict[str, "_Tree"]


class Excerpts:
    """Of the events that some clauses are asked about."""

    def __init__(self) -> None:
        self._wanted: Counter[Path] = Counter()
        self._decoder: msgspec.json.Decoder[dict[str, Any]] | None = None
        self._whole = 0

    def want(self, clauses: Iterable[Clause]) -> None:
        """From now on these are asked, too."""
        for clause in clauses:
            self._wanted[clause.path] += 1
            if self._wanted[clause.path] == 1:
                self._decoder, self._whole = None, _WHOLE_PER_PATH * len(self._wanted)

    def forget(self, clauses: Iterable[Clause]) -> None:
        """These, once wanted, are asked no more."""
        for clause in clauses:
            self._wanted[clause.path] -= 1
            if not self._wanted[clause.path]:
                del self._wanted[clause.path]  # the decoder may stay: it says too much at worst

    def of(self, event: StoredEvent) -> Mapping[str, Any]:
        """What clauses see as `event`.

        Raises:
            InvalidEventError: it is not readable.
        """
        if self._decoder is None:
            if self._whole:
                self._whole -= 1
                return event.envelope.for_conditions()
            self._decoder = msgspec.json.Decoder(_shape(_tree(self._wanted)))
        try:
            return {**ABSENT, **self._decoder.decode(event.body)}
        except (msgspec.DecodeError, UnicodeDecodeError):
            return event.envelope.for_conditions()  # says what is wrong

    def __bool__(self) -> bool:
        return bool(self._wanted)


def _tree(paths: Iterable[Path]) -> _Tree:
    root: _Tree = {}
    for path in paths:
        tree = root
        for key in path:
            tree = tree.setdefault(key, {})
    return root


def _shape(tree: _Tree) -> Any:
    """The type of a map of which some keys are wanted; the decoder passes over all others."""
    if len(tree) > _MOST_KEYS or not all(map(_is_safe, tree)):
        return dict[str, Any]
    fields = {key: _value(_shape(below)) for key, below in tree.items()}
    return TypedDict("_Shape", fields, total=False)  # type: ignore[operator] # made at run time


def _value(shape: Any) -> Any:
    """Any JSON: a clause may be about a key whose value is not of the kind that it expects."""
    return shape | list[msgspec.Raw] | str | int | float | bool | None


def _is_safe(key: str) -> bool:
    """Whether msgspec finds it: it takes others than ASCII for empty ones."""
    return key.isascii()
