"""Event replays: recorded events judged again for one definition, a page at a time.

`services.event_replay` requests, judges and advances; publishing a composite with a `lookback`
requests one too. Runs go through flow control and the starter like those of live events.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from activity_core.core.decision import PendingEvent
from activity_core.ports.flow import OpenFlow


class EventReplayStatus(StrEnum):
    """Where a replay stands; it is completed when all its events were judged."""

    RUNNING = "running"
    COMPLETED = "completed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one stands among the recorded events: after this one. `key` is empty before all."""

    received_at: datetime
    key: bytes = b""


@dataclass(frozen=True, slots=True)
class EventReplayRequest:
    """Events received from `since` to `until` (both included), for one definition.

    `rate`: how many that match may be let through in a second.
    """

    replay_id: str
    definition_id: str
    since: datetime
    until: datetime
    rate: float
    actor: str
    reason: str


LOOKBACK_RATE = 1_000.0
"""Of a lookback: what it finds is part of what the definition waits for already."""


def lookback_of(
    definition_id: str, lookback: timedelta, published_at: datetime, actor: str
) -> EventReplayRequest:
    """What the publication of a composite asks for; no caller can choose an id like that."""
    return EventReplayRequest(
        replay_id=f"lookback:{definition_id}",
        definition_id=definition_id,
        since=published_at - lookback,
        until=published_at,
        rate=LOOKBACK_RATE,
        actor=actor,
        reason="its lookback",
    )


@dataclass(frozen=True, slots=True)
class Tally:
    """What was found so far.

    Attributes:
        looked_at: events of its types that were judged.
        existing: those of them that had a run, or waited for one, and were left alone.
        matched: those of the others that want a run now.
        fired: runs that were made at once; what is held may make more later.
    """

    looked_at: int = 0
    existing: int = 0
    matched: int = 0
    fired: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.looked_at + other.looked_at,
            self.existing + other.existing,
            self.matched + other.matched,
            self.fired + other.fired,
        )


@dataclass(frozen=True, slots=True)
class EventReplay:
    """A request and how far it is: everything up to `place` is judged."""

    request: EventReplayRequest
    status: EventReplayStatus
    place: Place
    tally: Tally
    requested_at: datetime
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Recorded events of some type patterns, after a place, received until an instant."""

    definition_id: str
    types: Sequence[str]
    after: Place
    until: datetime


@dataclass(frozen=True, slots=True)
class RecordedEvents:
    """Some of a stretch, in the order of their places.

    Attributes:
        events: whole; their `position` is 0.
        existing: keys of those that have a run of the definition, or wait for one.
        end: where the next page begins: others may have been passed over.
        is_last: nothing comes after, nor will.
    """

    events: Sequence[PendingEvent]
    existing: frozenset[bytes]
    end: Place
    is_last: bool


@dataclass(frozen=True, slots=True)
class Advance:
    """How far a page has brought a replay; not again before `next_at`."""

    place: Place
    tally: Tally
    next_at: datetime
    is_over: bool


class OpenRecords(Protocol):
    """Recorded events within one transaction."""

    @property
    def flow(self) -> OpenFlow:
        """Flow states and decisions, in the same transaction."""
        ...

    async def lock(self, replay_id: str, at: datetime) -> EventReplay | None:
        """Have a running replay to oneself; None if another one has it, or it is not due."""
        ...

    async def page(self, stretch: Stretch, limit: int) -> RecordedEvents:
        """The next events, at most `limit`; perhaps none though there are more.

        It ends before the first event that still waits for the router.
        """
        ...

    async def one(self, definition_id: str, key: bytes) -> RecordedEvents:
        """One event, unless it is not recorded, with the definition's replay kept waiting."""
        ...

    async def advance(self, replay_id: str, advance: Advance, at: datetime) -> None:
        """Keep how far a locked replay is; the tally is added to what it had."""
        ...


class EventReplays(Protocol):
    """Replays of recorded events of one tenant."""

    async def request(self, request: EventReplayRequest, at: datetime) -> bool:
        """Keep it; False if its id came before, or another one of its definition is running."""
        ...

    async def due(self, at: datetime) -> Sequence[EventReplayRequest]:
        """Running ones whose next page may be taken. Cheap: asked all the time."""
        ...

    def open(self) -> AbstractAsyncContextManager[OpenRecords]:
        """A transaction; leaving normally commits, leaving with an exception rolls back."""
        ...

    async def stop(self, replay_id: str, at: datetime) -> None:
        """No further events; fine if it is over.

        Raises:
            NotFoundError: no such replay.
        """
        ...

    async def progress(self, replay_id: str) -> EventReplay:
        """How far it is.

        Raises:
            NotFoundError: no such replay.
        """
        ...

    async def recent(self, definition_id: str | None, limit: int) -> Sequence[EventReplay]:
        """The newest first, of one definition or of all."""
        ...
