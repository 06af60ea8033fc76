"""Event replays in memory. Their pages are in `open_records`."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime

from activity_core.adapters.memory.open_records import MemoryOpenRecords
from activity_core.adapters.memory.rows import EventReplayRow
from activity_core.adapters.memory.state import Draft, State, Tables
from activity_core.core.errors import NotFoundError
from activity_core.ports.event_replays import (
    EventReplay,
    EventReplayRequest,
    EventReplayStatus,
    OpenRecords,
    Place,
    Tally,
)


class MemoryEventReplays:
    """See `ports.event_replays.EventReplays`."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def request(self, request: EventReplayRequest, at: datetime) -> bool:
        """See `EventReplays.request`."""
        async with self._state.transaction() as tables:
            return insert(tables, request, at)

    async def due(self, at: datetime) -> list[EventReplayRequest]:
        """See `EventReplays.due`."""
        rows = [row for row in self._state.tables.event_replays.values() if row.is_due(at)]
        rows.sort(key=lambda row: (row.next_at, row.replay.request.replay_id))
        return [row.replay.request for row in rows]

    def open(self) -> AbstractAsyncContextManager[OpenRecords]:
        """See `EventReplays.open`."""
        return self._open()

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[OpenRecords]:
        async with AsyncExitStack() as stack:
            draft = Draft(self._state, stack)
            yield MemoryOpenRecords(self._state, draft, await draft.tables())

    async def stop(self, replay_id: str, at: datetime) -> None:
        """See `EventReplays.stop`."""
        async with self._state.transaction() as tables:
            row = _row(tables, replay_id)
            if row.replay.status is EventReplayStatus.RUNNING:
                stopped = replace(row.replay, status=EventReplayStatus.STOPPED, finished_at=at)
                tables.event_replays[replay_id] = replace(row, replay=stopped)

    async def progress(self, replay_id: str) -> EventReplay:
        """See `EventReplays.progress`."""
        return _row(self._state.tables, replay_id).replay

    async def recent(self, definition_id: str | None, limit: int) -> list[EventReplay]:
        """See `EventReplays.recent`."""
        found = [
            row.replay
            for row in self._state.tables.event_replays.values()
            if definition_id in {None, row.replay.request.definition_id}
        ]
        found.sort(key=lambda each: (each.requested_at, each.request.replay_id), reverse=True)
        return found[:limit]


def insert(tables: Tables, request: EventReplayRequest, at: datetime) -> bool:
    """Keep a request, as part of the caller's transaction; False if it was kept."""
    running = {
        row.replay.request.definition_id
        for row in tables.event_replays.values()
        if row.replay.status is EventReplayStatus.RUNNING
    }
    if request.replay_id in tables.event_replays or request.definition_id in running:
        return False
    place = Place(request.since)
    replay = EventReplay(request, EventReplayStatus.RUNNING, place, Tally(), at)
    tables.event_replays[request.replay_id] = EventReplayRow(replay, at)
    return True


def _row(tables: Tables, replay_id: str) -> EventReplayRow:
    if replay_id not in tables.event_replays:
        raise NotFoundError("no such replay", subject=f"event replay {replay_id}")
    return tables.event_replays[replay_id]
