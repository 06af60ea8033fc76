"""The inbox: accepted events, durably, until the router has decided about them.

`services.ingest` writes, `services.router` takes.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from activity_core.core.decision import PendingEvent, Routing
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.flow import Decided, OpenFlow


class Acceptance(StrEnum):
    """What became of an event at the door."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event at the door.

    `via` says how it came: `http`, `webhook`, a broker (`nats`, `kafka`, `rabbitmq`) or `replay`.
    """

    envelope: EventEnvelope
    key: bytes
    via: str


class RoutingBatch(Protocol):
    """Pending events, locked for one transaction."""

    @property
    def events(self) -> Sequence[PendingEvent]:
        """In order of arrival; may be empty."""
        ...

    @property
    def flow(self) -> OpenFlow:
        """Flow states, in the same transaction."""
        ...

    async def record(
        self, routings: Sequence[Routing], decided: Decided, at: datetime
    ) -> Mapping[str, int]:
        """Write routing rows, decisions, pending runs, flow states; take the events off the inbox.

        A group whose occurrence already has a run is recorded as `deduplicated`, naming that run;
        so is the later of two in one batch. A routing counts what `decided` says of its event.
        Returns the count per outcome: `filtered` too, without outcomes that did not occur.

        Raises:
            RejectedError: the store cannot hold one of them, or its outcomes do not add up to
                `listened`; nothing is committed.
        """
        ...

    async def bury(self, event: PendingEvent, code: str, message: str, at: datetime) -> None:
        """Take an event that cannot be routed off the inbox, into the dead letters.

        The letter is `DeadLetter.of_event`. The event stays as it is: it can be explained, its id
        stays taken, and `requeue` puts it back.
        """
        ...


class Inbox(Protocol):
    """Events by (tenant, source, id); the first body wins."""

    async def accept(self, arrivals: Sequence[Arrival], at: datetime) -> list[Acceptance]:
        """Store what is new, in one transaction, one answer per arrival in the same order.

        Two arrivals with one key in the same call are treated like two calls.
        """
        ...

    def take(
        self, limit: int, *, only: Sequence[int] | None = None, alone: bool = False
    ) -> AbstractAsyncContextManager[RoutingBatch]:
        """Lock up to `limit` pending events that nobody else holds.

        Leaving normally commits, leaving with an exception puts everything back. `only` names
        positions (to halve a batch that failed). `alone`: not while somebody else routes alone, so
        that batches are decided about in the order in which their events came.
        """
        ...

    async def requeue(self, key: bytes) -> bool:
        """Put an accepted event that has no routing row back, last in the queue.

        False if there is nothing to do: unknown, routed, or still waiting.
        """
        ...

    async def depth(self) -> int:
        """How many events wait for the router."""
        ...
