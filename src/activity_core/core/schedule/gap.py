"""Gaps: slots that one run makes up for, as its expressions and its context see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

MOST_LISTED = 1_000
"""Slots of a gap that are listed, the newest; `count` is always exact."""


@dataclass(frozen=True, slots=True)
class Gap:
    """The slots of a compressed run: the first, the last, how many, and the newest of them."""

    start: datetime
    end: datetime
    count: int
    slots: tuple[datetime, ...]

    @classmethod
    def of(cls, missed: Sequence[datetime]) -> "Gap":
        """Of missed slots, ascending, at least one."""
        return cls(missed[0], missed[-1], len(missed), tuple(missed[-MOST_LISTED:]))
