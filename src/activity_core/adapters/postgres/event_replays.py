"""Event replays: requests and how far they are. Their pages are in `open_records`."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

from activity_core.adapters.postgres import event_replays_queries as queries
from activity_core.adapters.postgres.open_records import PostgresOpenRecords, replay_of
from activity_core.adapters.postgres.pool import Connection, Pool, connection, transaction
from activity_core.adapters.postgres.storable import prose
from activity_core.core.errors import NotFoundError
from activity_core.ports.event_replays import EventReplay, EventReplayRequest, OpenRecords


class PostgresEventReplays:
    """See `ports.event_replays.EventReplays`."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    async def request(self, request: EventReplayRequest, at: datetime) -> bool:
        """See `EventReplays.request`."""
        async with connection(self._pool) as conn:
            return await insert(conn, self._tenant, request, at)

    async def due(self, at: datetime) -> list[EventReplayRequest]:
        """See `EventReplays.due`."""
        async with connection(self._pool) as conn:
            cursor = await conn.execute(queries.DUE, {"tenant": self._tenant, "at": at})
            return [replay_of(row).request async for row in cursor]

    def open(self) -> AbstractAsyncContextManager[OpenRecords]:
        """See `EventReplays.open`."""
        return self._open()

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[OpenRecords]:
        async with transaction(self._pool) as conn:
            yield PostgresOpenRecords(conn, self._tenant)

    async def stop(self, replay_id: str, at: datetime) -> None:
        """See `EventReplays.stop`."""
        values = {"tenant": self._tenant, "replay": prose(replay_id), "at": at}
        async with connection(self._pool) as conn:
            stopped = (await conn.execute(queries.STOP, values)).rowcount == 1
        if not stopped:
            await self.progress(replay_id)

    async def progress(self, replay_id: str) -> EventReplay:
        """See `EventReplays.progress`."""
        values = {"tenant": self._tenant, "replay": prose(replay_id), "limit": 1}
        async with connection(self._pool) as conn:
            row = await (await conn.execute(queries.ONE, values)).fetchone()
        if row is None:
            raise NotFoundError("no such replay", subject=f"event replay {replay_id}")
        return replay_of(row)

    async def recent(self, definition_id: str | None, limit: int) -> list[EventReplay]:
        """See `EventReplays.recent`."""
        query = queries.RECENT if definition_id is None else queries.RECENT_OF_DEFINITION
        values = {"tenant": self._tenant, "definition": prose(definition_id or ""), "limit": limit}
        async with connection(self._pool) as conn:
            return [replay_of(row) async for row in await conn.execute(query, values)]


async def insert(conn: Connection, tenant: str, request: EventReplayRequest, at: datetime) -> bool:
    """Keep a request, as part of the caller's transaction if there is one; False if it was kept."""
    values = {
        "tenant": tenant,
        "replay": request.replay_id,
        "definition": request.definition_id,
        "since": request.since,
        "until": request.until,
        "rate": request.rate,
        "actor": prose(request.actor),
        "reason": prose(request.reason),
        "at": at,
    }
    return await (await conn.execute(queries.REQUEST, values)).fetchone() is not None
