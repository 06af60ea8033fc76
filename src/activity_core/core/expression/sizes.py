"""Sizes: how large a value inside an expression can be, and all that it becomes in one evaluation.

In: data that a path names (`Known`), or sizes worked out of others (`Sized`). Out: what `budget`
multiplies by costs. A part of an expression inside a loop has many values: `most` is the size of
the largest, `total` their sum; both are bounds, never too small.
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple


class Size(NamedTuple):
    """Items of a list or characters of a string; characters of all in it; values in it."""

    length: float
    chars: float
    nodes: float

    def plus(self, other: "Size") -> "Size":
        """Of both together."""
        return Size(*map(operator.add, self, other))

    def times(self, many: float) -> "Size":
        """Of so many."""
        return Size(*(each * many for each in self))

    def lesser(self, other: "Size") -> "Size":
        """The smaller one in each respect."""
        return Size(*map(min, self, other))

    def greater(self, other: "Size") -> "Size":
        """The larger one in each respect."""
        return Size(*map(max, self, other))


NOTHING = Size(0.0, 0.0, 0.0)
SCALAR = Size(64.0, 64.0, 1.0)


class Sized:
    """Values of which only sizes are known. `each`: the largest item, if it is a list."""

    def __init__(
        self, most: Size, total: Size, *, each: Size | None = None, is_text: bool = False
    ) -> None:
        self.most = most
        self.total = total
        self.is_text = is_text
        self.each = each

    def spread(self, times: float) -> "Sized":
        """The same values, seen so often."""
        return Sized(self.most, self.most.times(times), each=self.each, is_text=self.is_text)

    def items(self, times: float) -> "Sized":
        """What a loop over it goes through, so many in all."""
        return self._parts(times)

    def field(self, _: str | float, times: float) -> "Sized":
        """A part of it that has a name or an index."""
        return self._parts(times)

    def any_part(self, times: float) -> "Sized":
        """A part that is chosen by a value."""
        return self._parts(times)

    def _parts(self, times: float) -> "Sized":
        most = self.each or Size(self.most.chars, self.most.chars, self.most.nodes)
        total = Size(self.total.chars, self.total.chars, self.total.nodes)
        return Sized(most, total.lesser(most.times(times)))


class Known(Sized):
    """Values that are there: `data`, each seen `repeated` times, and `times` in all."""

    def __init__(self, data: Sequence[Any], repeated: float, times: float) -> None:
        self.data = data
        self._repeated = repeated
        self._times = times

    @cached_property
    def _sizes(self) -> list[Size]:
        return [_size(value) for value in self.data]

    @cached_property
    def most(self) -> Size:  # type: ignore[override] # only worked out when asked for
        """The size of the largest."""
        return self._of_all(max)

    @cached_property
    def total(self) -> Size:  # type: ignore[override]
        """The sum of all."""
        return self._of_all(sum).times(self._repeated).lesser(self.most.times(self._times))

    def _of_all(self, of: Callable[[Iterable[float]], float]) -> Size:
        if not self.data:
            return NOTHING
        return Size(*(float(of(column)) for column in zip(*self._sizes, strict=True)))

    @cached_property
    def each(self) -> Size | None:  # type: ignore[override]
        """The size of the largest item of all."""
        return self.any_part(1.0).most

    @cached_property
    def is_text(self) -> bool:  # type: ignore[override]
        """None of them is a list."""
        return not any(isinstance(value, list) for value in self.data)

    def spread(self, times: float) -> Sized:
        """Those of all the times, for each of them."""
        return Known(self.data, times, times)

    def or_else(self, other: "Known", times: float) -> "Known":
        """One or the other."""
        repeated = max(self._repeated, other._repeated)  # noqa: SLF001 - of the same class
        return Known([*self.data, *other.data], repeated, times)

    def split(self, separators: Sequence[Any]) -> "Known | None":
        """The pieces, if all is text and there is one separator."""
        if len(separators) != 1 or not all(isinstance(v, str) for v in [*separators, *self.data]):
            return None
        [at] = separators
        pieces = [text.split(at) if at else list(text) for text in self.data]
        return Known(pieces, self._repeated, self._times)

    def gathered(self, times: float) -> "Known":
        """The list that a macro makes of them, or of some."""
        return Known([list(self.data)], self._repeated, times)

    def items(self, times: float) -> Sized:
        """Of each list the items, of each map the keys."""
        found = [item for v in self.data if isinstance(v, list | Mapping) for item in v]
        return Known(found, self._repeated, times)

    def field(self, name: str | float, times: float) -> Sized:
        """That of each which has it."""
        return Known([*_fields(self.data, name)], self._repeated, times)

    def any_part(self, times: float) -> Sized:
        """All parts of each, for which one it is may be the same each time."""
        maps = [item for v in self.data if isinstance(v, Mapping) for item in v.values()]
        lists = [item for v in self.data if isinstance(v, list) for item in v]
        return Known(maps + lists, times, times)


def scalar(times: float) -> Sized:
    """Numbers, booleans, times."""
    return Sized(SCALAR, SCALAR.times(times), is_text=True)


def text_of(most: float, total: float, times: float) -> Sized:
    """Strings: characters of the longest, of all, and how many there are."""
    return Sized(Size(most, most, 1.0), Size(total, total, times), is_text=True)


def _fields(data: Sequence[Any], name: str | float) -> Iterable[Any]:
    for value in data:
        if isinstance(value, Mapping):
            if name in value:
                yield value[name]
        elif isinstance(value, list) and not isinstance(name, str) and 0 <= name < len(value):
            yield value[int(name)]


def _size(value: Any) -> Size:
    if isinstance(value, str):
        return Size(float(len(value)), float(len(value)), 1.0)
    if isinstance(value, list | Mapping):
        written = float(len(repr(value)))
        return Size(float(len(value)), written, written / 3 + 1)  # `1, ` is three characters
    return SCALAR
