"""The inbox in memory: a router holds the positions that it took."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import datetime

from activity_core.adapters.memory.decisions import decide, enqueue, new_run
from activity_core.adapters.memory.rows import DecisionRow, EventRow, RoutingRow
from activity_core.adapters.memory.state import Draft, State, Tables
from activity_core.core import ids
from activity_core.core.decision import Candidate, Outcome, PendingEvent, Routing
from activity_core.core.errors import RejectedError
from activity_core.core.rules.occurrence import Occurrence, TriggerKind
from activity_core.ports.dead_letters import DeadLetter
from activity_core.ports.inbox import Acceptance, Arrival, RoutingBatch

_POSITIONS = "positions of the inbox"
_WITH_RUN = frozenset({Outcome.FIRED, Outcome.DEDUPLICATED, Outcome.MERGED})


class MemoryRoutingBatch:
    """See `ports.inbox.RoutingBatch`."""

    def __init__(self, state: State, draft: Draft, events: Sequence[PendingEvent]) -> None:
        self._state = state
        self._draft = draft
        self.events = events

    async def record(self, routings: Sequence[Routing], at: datetime) -> Mapping[str, int]:
        """See `RoutingBatch.record`."""
        tables = await self._draft.tables()
        total: Counter[str] = Counter()
        for routing in routings:
            counts = Counter({str(Outcome.FILTERED): routing.filtered})
            counts.update(
                str(self._decide(tables, routing.event, candidate, at))
                for candidate in routing.candidates
            )
            if counts.total() != routing.listened:
                raise RejectedError(
                    f"{routing.listened} listened, but {counts.total()} have an outcome",
                    subject=f"event {routing.event.envelope.id}",
                )
            tables.routings[routing.event.key] = RoutingRow(
                routing.revision, routing.listened, +counts, at
            )
            tables.pending_events.pop(routing.event.position)
            total += counts
        return dict(total)

    def _decide(
        self, tables: Tables, event: PendingEvent, candidate: Candidate, at: datetime
    ) -> Outcome:
        occurrence = Occurrence(candidate.occurrence_key, TriggerKind.EVENT, event=event.envelope)
        run = new_run(
            self._state,
            candidate.definition_id,
            candidate.version,
            occurrence,
            at=at,
            events=(event.key,),
        )
        outcome = candidate.outcome
        if outcome is Outcome.FIRED and run.run_id in tables.runs:
            outcome = Outcome.DEDUPLICATED
        elif outcome is Outcome.FIRED:
            enqueue(self._state, tables, run)
        decide(
            tables,
            DecisionRow(
                definition_id=candidate.definition_id,
                input_key=ids.occurrence_of_event(event.envelope.source, event.envelope.id),
                version=candidate.version,
                outcome=outcome,
                reason=candidate.reason,
                occurrence_key=candidate.occurrence_key,
                decided_at=at,
                run_id=run.run_id if outcome in _WITH_RUN else None,
                event_key=event.key,
            ),
        )
        return outcome

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
        self, limit: int, *, only: Sequence[int] | None = None
    ) -> AbstractAsyncContextManager[RoutingBatch]:
        """See `Inbox.take`."""
        return self._take(limit, only)

    @asynccontextmanager
    async def _take(self, limit: int, only: Sequence[int] | None) -> AsyncIterator[RoutingBatch]:
        async with AsyncExitStack() as stack:
            free = [
                PendingEvent(position, key, event.received_at, event.envelope)
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
