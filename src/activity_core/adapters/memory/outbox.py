"""The outbox in memory: a relay holds the keys of the rows it took."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime

from activity_core.adapters.memory.rows import OutgoingRow
from activity_core.adapters.memory.state import Draft, State, Tables
from activity_core.core.run.announcement import Announcement
from activity_core.ports.outbox import OutboxBatch, OutboxRow, Setback, StuckRow

_KEYS = "keys of the outbox"


def announce(
    state: State, tables: Tables, announcements: Sequence[Announcement], at: datetime
) -> None:
    """Put events into the outbox; one that was announced before leaves once."""
    for each in announcements:
        if each.event_id in tables.outbox:
            continue
        position = state.next_position()
        tables.outbox[each.event_id] = OutgoingRow(
            position, each.event_id, each.key, each.type, each.subject, each.body, at
        )
        tables.pending_outbox[position] = each.event_id


class MemoryOutboxBatch:
    """See `ports.outbox.OutboxBatch`."""

    def __init__(self, draft: Draft, rows: Sequence[OutboxRow]) -> None:
        self._draft = draft
        self.rows = rows

    async def settle(self, sent: Sequence[int], setbacks: Sequence[Setback]) -> None:
        """See `OutboxBatch.settle`."""
        tables = await self._draft.tables()
        for position in sent:
            event_id = tables.pending_outbox.pop(position)
            tables.outbox[event_id] = replace(tables.outbox[event_id], sent=True)
        for setback in setbacks:
            event_id = tables.pending_outbox[setback.position]
            row = tables.outbox[event_id]
            tables.outbox[event_id] = replace(
                row,
                attempts=row.attempts + 1,
                retry_at=setback.retry_at,
                last_error=setback.error,
            )


class MemoryOutbox:
    """See `ports.outbox.Outbox`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def take(self, limit: int, at: datetime) -> AbstractAsyncContextManager[OutboxBatch]:
        """See `Outbox.take`."""
        return self._take(limit, at)

    @asynccontextmanager
    async def _take(self, limit: int, at: datetime) -> AsyncIterator[OutboxBatch]:
        async with AsyncExitStack() as stack:
            due = list(self._due(at))[:limit]
            stack.enter_context(self._state.hold(_KEYS, {row.key for row in due}))
            rows = [
                OutboxRow(row.position, row.key, row.event_id, row.type, row.body, row.attempts)
                for row in due
            ]
            yield MemoryOutboxBatch(Draft(self._state, stack), rows)

    def _due(self, at: datetime) -> Iterator[OutgoingRow]:
        waiting: set[str] = set()
        for row in self._pending():
            if row.retry_at is not None and row.retry_at > at:
                waiting.add(row.key)
            if row.key not in waiting and not self._state.is_held(_KEYS, row.key):
                yield row

    def _pending(self) -> Iterator[OutgoingRow]:
        tables = self._state.tables
        return (tables.outbox[event_id] for event_id in tables.pending_outbox.values())

    async def depth(self) -> int:
        """See `Outbox.depth`."""
        return len(self._state.tables.pending_outbox)

    async def stuck(self, limit: int) -> Sequence[StuckRow]:
        """See `Outbox.stuck`."""
        rows = [
            StuckRow(
                row.position,
                row.key,
                row.event_id,
                row.type,
                row.attempts,
                row.last_error,
                row.retry_at,
            )
            for row in self._pending()
            if row.retry_at is not None
        ]
        return rows[:limit]
