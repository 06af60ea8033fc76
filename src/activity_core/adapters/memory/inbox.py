"""The inbox in memory: a router holds the positions that it took."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import datetime

from activity_core.adapters.memory.decided import write_decided
from activity_core.adapters.memory.flow import MemoryOpenFlow
from activity_core.adapters.memory.rows import EventRow, RoutingRow
from activity_core.adapters.memory.state import Draft, State, Tables
from activity_core.core.decision import Outcome, PendingEvent, Routing
from activity_core.core.errors import RejectedError
from activity_core.ports.dead_letters import DeadLetter
from activity_core.ports.flow import Decided
from activity_core.ports.inbox import Acceptance, Arrival, RoutingBatch

_POSITIONS = "positions of the inbox"
_ALONE = "routing alone"


class MemoryRoutingBatch:
    """See `ports.inbox.RoutingBatch`."""

    def __init__(self, state: State, draft: Draft, events: Sequence[PendingEvent]) -> None:
        self._state = state
        self._draft = draft
        self.events = events
        self.flow = MemoryOpenFlow(state, draft)

    async def record(
        self, routings: Sequence[Routing], decided: Decided, at: datetime
    ) -> Mapping[str, int]:
        """See `RoutingBatch.record`."""
        tables = await self._draft.tables()
        arrived = {routing.event.input_key: routing for routing in routings}
        verdicts = write_decided(self._state, tables, decided, at, arrived=arrived)
        for key, routing in arrived.items():
            mine = [each.outcome.value for each in verdicts if each.member.input_key == key]
            self._route(tables, routing, mine, at)
        total = Counter(each.outcome.value for each in verdicts)
        total[Outcome.FILTERED.value] = sum(routing.filtered for routing in routings)
        return +total

    def _route(
        self, tables: Tables, routing: Routing, outcomes: Sequence[str], at: datetime
    ) -> None:
        counts = Counter(outcomes)
        counts[Outcome.FILTERED.value] = routing.filtered
        if counts.total() != routing.listened:
            raise RejectedError(
                f"{routing.listened} listened, but {counts.total()} have an outcome",
                subject=f"event {routing.event.id}",
            )
        row = RoutingRow(routing.revision, routing.listened, +counts, at)
        tables.routings[routing.event.key] = row
        tables.pending_events.pop(routing.event.position)

    async def bury(self, event: PendingEvent, code: str, message: str, at: datetime) -> None:
        """See `RoutingBatch.bury`."""
        tables = await self._draft.tables()
        letter = DeadLetter.of_event(event, code, message, at)
        tables.dead_letters.setdefault(letter.dead_letter_id, letter)
        tables.pending_events.pop(event.position)


class MemoryInbox:
    """See `ports.inbox.Inbox`."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def accept(self, arrivals: Sequence[Arrival], at: datetime) -> list[Acceptance]:
        """See `Inbox.accept`."""
        async with self._state.transaction() as tables:
            return [self._accept(tables, arrival, at) for arrival in arrivals]

    def _accept(self, tables: Tables, arrival: Arrival, at: datetime) -> Acceptance:
        digest = arrival.envelope.digest
        stored = tables.events.get(arrival.key)
        if stored is not None:
            return Acceptance.DUPLICATE if stored.digest == digest else Acceptance.CONFLICT
        tables.events[arrival.key] = EventRow(
            arrival.key, arrival.envelope, digest, at, arrival.via
        )
        tables.pending_events[self._state.next_position()] = arrival.key
        return Acceptance.ACCEPTED

    def take(
        self, limit: int, *, only: Sequence[int] | None = None, alone: bool = False
    ) -> AbstractAsyncContextManager[RoutingBatch]:
        """See `Inbox.take`."""
        return self._take(limit, only, alone=alone)

    @asynccontextmanager
    async def _take(
        self, limit: int, only: Sequence[int] | None, *, alone: bool
    ) -> AsyncIterator[RoutingBatch]:
        async with AsyncExitStack() as stack:
            if alone and self._state.is_held(_ALONE, alone):
                limit = 0
            elif alone:
                stack.enter_context(self._state.hold(_ALONE, [alone]))
            free = [
                PendingEvent.of(
                    event.envelope, position=position, key=key, received_at=event.received_at
                )
                for position, key in self._state.tables.pending_events.items()
                if (only is None or position in only)
                and not self._state.is_held(_POSITIONS, position)
                for event in [self._state.tables.events[key]]
            ][:limit]
            stack.enter_context(self._state.hold(_POSITIONS, [event.position for event in free]))
            yield MemoryRoutingBatch(self._state, Draft(self._state, stack), free)

    async def requeue(self, key: bytes) -> bool:
        """See `Inbox.requeue`."""
        async with self._state.transaction() as tables:
            if (
                key not in tables.events
                or key in tables.routings
                or key in tables.pending_events.values()
            ):
                return False
            tables.pending_events[self._state.next_position()] = key
            return True

    async def depth(self) -> int:
        """See `Inbox.depth`."""
        return len(self._state.tables.pending_events)
