"""Backfills: runs for past slots that somebody asks for, a few at a time.

`services.backfill` requests and releases; the runs go through the starter like all others.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class BackfillOrder(StrEnum):
    """Which slots come first."""

    OLDEST = "oldest"
    NEWEST = "newest"


class BackfillStatus(StrEnum):
    """Where a backfill stands; it is completed when its runs are closed, whether well or not."""

    RUNNING = "running"
    COMPLETED = "completed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class BackfillRequest:
    """Slots of a definition to be run; `slots` are all of the range, in the order of their turns.

    `max_concurrent`: how many of its runs may be open at a time.
    """

    backfill_id: str
    definition_id: str
    first: datetime
    last: datetime
    order: BackfillOrder
    max_concurrent: int
    actor: str
    reason: str
    slots: Sequence[datetime]


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """How far it is.

    `counts` by status of the slots' runs, plus `waiting` (no run yet) and `existing` (had a run
    before, left alone); only what is not 0. `slots` is their sum.
    """

    backfill_id: str
    definition_id: str
    first: datetime
    last: datetime
    order: BackfillOrder
    max_concurrent: int
    actor: str
    reason: str
    status: BackfillStatus
    slots: int
    counts: Mapping[str, int]
    requested_at: datetime
    finished_at: datetime | None


def decided_because(actor: str, reason: str) -> str:
    """The reason of the decisions about a backfill's slots."""
    return f"backfill asked for by {actor}" + (f": {reason}" if reason else "")


class Backfills(Protocol):
    """Backfills of one tenant."""

    async def existing(
        self, definition_id: str, slots: Sequence[datetime]
    ) -> Mapping[datetime, str]:
        """Those of the slots that have a run already → its id.

        That is a run of their own, or the one that the decision about the slot names.
        """
        ...

    async def request(self, request: BackfillRequest, at: datetime) -> bool:
        """Keep it with its slots; False if its id came before.

        Slots that have a run already are kept as `existing`.
        """
        ...

    async def running(self) -> frozenset[str]:
        """Ids of the definitions that have running backfills. Cheap: asked all the time."""
        ...

    async def release(self, at: datetime, version_of: Callable[[str], int | None]) -> int:
        """Let each running backfill have `max_concurrent` open runs; how many were made.

        `version_of` gives the version that a definition's runs pin; None puts them off. A slot
        that got a run meanwhile is counted as `existing`. What has no slot waiting and no open
        run is completed. Each run has a decision of its own; that about the slot itself stays.
        """
        ...

    async def stop(self, backfill_id: str, at: datetime) -> None:
        """No further runs; fine if it is over.

        Raises:
            NotFoundError: no such backfill.
        """
        ...

    async def progress(self, backfill_id: str) -> BackfillProgress:
        """How far it is.

        Raises:
            NotFoundError: no such backfill.
        """
        ...

    async def recent(self, definition_id: str | None, limit: int) -> Sequence[BackfillProgress]:
        """The newest first, of one definition or of all."""
        ...
