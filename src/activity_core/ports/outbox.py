"""The outbox: events that were recorded with what they tell about, until the broker has them.

The ledgers write, `services.relay` takes. Rows of one key (a run) leave in the order they were
committed; a row in back-off is never overtaken by a later one of its key.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One event to publish. `attempts` counts failed tries."""

    position: int
    key: str
    event_id: str
    type: str
    body: bytes
    attempts: int


@dataclass(frozen=True, slots=True)
class Setback:
    """A row that could not be published, and when to try again."""

    position: int
    error: str
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class StuckRow:
    """A row that failed at least once."""

    position: int
    key: str
    event_id: str
    type: str
    attempts: int
    last_error: str
    retry_at: datetime


class OutboxBatch(Protocol):
    """Rows of some keys, locked together with these keys for one transaction."""

    @property
    def rows(self) -> Sequence[OutboxRow]:
        """In order of position; holds no row behind one that is in back-off."""
        ...

    async def settle(self, sent: Sequence[int], setbacks: Sequence[Setback]) -> None:
        """Take the sent rows off, note the setbacks; the others stay as they were.

        A setback is a failed attempt more.
        """
        ...


class Outbox(Protocol):
    """Outgoing events of one tenant."""

    def take(self, limit: int, at: datetime) -> AbstractAsyncContextManager[OutboxBatch]:
        """Lock up to `limit` due rows that no other relay holds, nor any other row of their keys.

        A row is due from its `retry_at` on. Leaving with an exception changes nothing.
        """
        ...

    async def depth(self) -> int:
        """How many rows wait."""
        ...

    async def stuck(self, limit: int) -> Sequence[StuckRow]:
        """Rows that failed at least once, oldest first."""
        ...
