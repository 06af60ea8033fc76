"""Recorded events in memory: the whole transaction has the tables to itself."""

from dataclasses import replace
from datetime import UTC, datetime

from activity_core.adapters.memory.flow import MemoryOpenFlow
from activity_core.adapters.memory.rows import EventRow
from activity_core.adapters.memory.state import Draft, State, Tables
from activity_core.core.decision import Outcome, PendingEvent
from activity_core.core.event.patterns import takes
from activity_core.ports.event_replays import (
    Advance,
    EventReplay,
    EventReplayStatus,
    Place,
    RecordedEvents,
    Stretch,
)


class MemoryOpenRecords:
    """See `ports.event_replays.OpenRecords`."""

    def __init__(self, state: State, draft: Draft, tables: Tables) -> None:
        self._tables = tables
        self.flow = MemoryOpenFlow(state, draft)

    async def lock(self, replay_id: str, at: datetime) -> EventReplay | None:
        """See `OpenRecords.lock`."""
        row = self._tables.event_replays.get(replay_id)
        return row.replay if row and row.is_due(at) else None

    async def page(self, stretch: Stretch, limit: int) -> RecordedEvents:
        """See `OpenRecords.page`."""
        waiting = set(self._tables.pending_events.values())
        rows = sorted(self._tables.events.values(), key=lambda row: (row.received_at, row.key))
        after = (stretch.after.received_at, stretch.after.key)
        events: list[PendingEvent] = []
        end, is_last = stretch.after, False
        for row in rows:
            if (row.received_at, row.key) <= after or row.received_at > stretch.until:
                continue
            if row.key in waiting or len(events) == limit:
                break
            if any(takes(pattern, row.envelope.type) for pattern in stretch.types):
                events.append(_event(row))
            end = Place(row.received_at, row.key)
        else:
            is_last = len(events) < limit
        return self._recorded(stretch.definition_id, events, end, is_last=is_last)

    async def one(self, definition_id: str, key: bytes) -> RecordedEvents:
        """See `OpenRecords.one`."""
        row = self._tables.events.get(key)
        events = [_event(row)] if row else []
        end = Place(datetime.min.replace(tzinfo=UTC), key)
        return self._recorded(definition_id, events, end, is_last=True)

    def _recorded(
        self, definition_id: str, events: list[PendingEvent], end: Place, *, is_last: bool
    ) -> RecordedEvents:
        decided = {
            row.event_key
            for row in self._tables.decisions.values()
            if row.definition_id == definition_id
            and (row.run_id is not None or row.outcome is Outcome.HELD)
        }
        run = {
            key
            for row in self._tables.runs.values()
            if row.definition_id == definition_id
            for key in row.events
        }
        existing = frozenset(event.key for event in events if event.key in decided | run)
        return RecordedEvents(events, existing, end, is_last)

    async def advance(self, replay_id: str, advance: Advance, at: datetime) -> None:
        """See `OpenRecords.advance`."""
        row = self._tables.event_replays[replay_id]
        replay = replace(row.replay, place=advance.place, tally=row.replay.tally + advance.tally)
        if advance.is_over:
            replay = replace(replay, status=EventReplayStatus.COMPLETED, finished_at=at)
        self._tables.event_replays[replay_id] = replace(row, replay=replay, next_at=advance.next_at)


def _event(row: EventRow) -> PendingEvent:
    return PendingEvent.of(row.envelope, position=0, key=row.key, received_at=row.received_at)
