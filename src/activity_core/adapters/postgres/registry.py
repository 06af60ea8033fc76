"""The registry: immutable versions, an append-only log, and a counter whose row locks edits.

Event sources and event types are in `entrances`, under the same counter and the same lock.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from activity_core.adapters.postgres import entrances as entrance_rows
from activity_core.adapters.postgres import registry_queries as queries
from activity_core.adapters.postgres.event_replays import insert
from activity_core.adapters.postgres.pool import Connection, Pool, connection, transaction
from activity_core.adapters.postgres.registry_rows import snapshot_at
from activity_core.adapters.postgres.rollout_document import (
    rollout_document,
    rollout_from_document,
)
from activity_core.adapters.postgres.storable import prose
from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.connection import Connection as NamedConnection
from activity_core.core.definition.definition import ActivityDefinition, definition_from_document
from activity_core.core.errors import NotFoundError
from activity_core.ports.entrances import Entrance, EntranceLine, Entrances
from activity_core.ports.event_replays import lookback_of
from activity_core.ports.registry import (
    HistoryLine,
    LogLine,
    RegistryEdit,
    RegistrySnapshot,
)


class PostgresRegistryStore:
    """See `ports.registry.RegistryStore`."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    async def revision(self) -> int:
        """See `RegistryStore.revision`."""
        async with connection(self._pool) as conn:
            row = await (await conn.execute(queries.REVISION, {"tenant": self._tenant})).fetchone()
        return 0 if row is None else int(row["revision"])

    async def snapshot(self, revision: int | None = None) -> RegistrySnapshot:
        """See `RegistryStore.snapshot`."""
        if revision is None:
            revision = await self.revision()
        async with connection(self._pool) as conn:
            return await snapshot_at(conn, self._tenant, revision)

    async def changed_since(self, revision: int) -> RegistrySnapshot:
        """See `RegistryStore.changed_since`."""
        newest = await self.revision()
        async with connection(self._pool) as conn:
            return await snapshot_at(conn, self._tenant, newest, after=revision)

    async def entrances(self) -> Entrances:
        """See `RegistryStore.entrances`."""
        revision = await self.revision()
        async with connection(self._pool) as conn:
            return await entrance_rows.entrances_at(conn, self._tenant, revision)

    async def version(self, definition_id: str, version: int) -> ActivityDefinition:
        """See `RegistryStore.version`."""
        values = {"tenant": self._tenant, "definition_id": prose(definition_id), "version": version}
        async with connection(self._pool) as conn:
            row = await (await conn.execute(queries.VERSION, values)).fetchone()
        if row is None:
            raise NotFoundError("no such version", subject=f"definition {definition_id} v{version}")
        return definition_from_document(row["document"])

    async def versions(
        self, wanted: Sequence[tuple[str, int]]
    ) -> Mapping[tuple[str, int], ActivityDefinition]:
        """See `RegistryStore.versions`."""
        values = {
            "tenant": self._tenant,
            "definitions": [prose(definition_id) for definition_id, _ in wanted],
            "versions": [version for _, version in wanted],
        }
        async with connection(self._pool) as conn:
            rows = await (await conn.execute(queries.VERSIONS, values)).fetchall()
        return {
            (row["definition_id"], row["version"]): definition_from_document(row["document"])
            for row in rows
        }

    async def history(self, since: Mapping[str, datetime]) -> Mapping[str, Sequence[HistoryLine]]:
        """See `RegistryStore.history`."""
        values = {
            "tenant": self._tenant,
            "definitions": list(since),
            "instants": list(since.values()),
        }
        found: dict[str, list[HistoryLine]] = {}
        async with connection(self._pool) as conn:
            async for row in await conn.execute(queries.HISTORY, values):
                lines = found.setdefault(row.pop("definition_id"), [])
                rollout = rollout_from_document(row.pop("rollout"))
                lines.append(HistoryLine(**row, rollout=rollout))
        return found

    def edit(
        self, actor: str, now: Callable[[], datetime]
    ) -> AbstractAsyncContextManager[RegistryEdit]:
        """See `RegistryStore.edit`."""
        return self._edit(actor, now)

    @asynccontextmanager
    async def _edit(self, actor: str, now: Callable[[], datetime]) -> AsyncIterator[RegistryEdit]:
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(queries.LOCK, {"tenant": self._tenant})).fetchone()
            revision = row["revision"] if row else 0
            yield PostgresRegistryEdit(
                conn,
                self._tenant,
                actor,
                now,
                current=await snapshot_at(conn, self._tenant, revision),
                entrances=await entrance_rows.entrances_at(conn, self._tenant, revision),
            )


class PostgresRegistryEdit:
    """See `ports.registry.RegistryEdit`."""

    def __init__(
        self,
        conn: Connection,
        tenant: str,
        actor: str,
        now: Callable[[], datetime],
        *,
        current: RegistrySnapshot,
        entrances: Entrances,
    ) -> None:
        self._conn = conn
        self._tenant = tenant
        self._actor = actor
        self._now = now
        self._logged_at: datetime | None = None
        self.current = current
        self.entrances = entrances

    async def publish(self, definition: ActivityDefinition, version: int) -> None:
        """See `RegistryEdit.publish`."""
        values = self._signed() | {
            "definition_id": definition.id,
            "version": version,
            "document": Jsonb(definition.document()),
            "digest": definition.digest,
        }
        await self._conn.execute(queries.PUBLISH, values)

    async def put_connection(self, connection: NamedConnection) -> None:
        """See `RegistryEdit.put_connection`."""
        document = connection.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        values = self._signed() | {"connection_id": connection.id, "document": Jsonb(document)}
        await self._conn.execute(queries.PUT_CONNECTION, values)

    async def put_calendar(self, calendar: Calendar) -> None:
        """See `RegistryEdit.put_calendar`."""
        document = calendar.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        values = self._signed() | {"calendar_id": calendar.id, "document": Jsonb(document)}
        await self._conn.execute(queries.PUT_CALENDAR, values)

    async def publish_entrance(self, part: Entrance, version: int) -> None:
        """See `EntranceEdit.publish_entrance`."""
        await entrance_rows.publish(self._conn, self._signed(), part, version)

    async def log(self, lines: Sequence[LogLine], entrances: Sequence[EntranceLine] = ()) -> int:
        """See `RegistryEdit.log`."""
        signed = self._signed()
        self._logged_at = signed["at"]
        row = await (await self._conn.execute(queries.COUNT_UP, signed)).fetchone()
        revision = int(row["revision"]) if row else 0
        values = signed | {
            "revision": revision,
            "definitions": [line.definition_id for line in lines],
            "changes": [line.change.value for line in lines],
            "versions": [line.version for line in lines],
            "paused": [line.paused for line in lines],
            "retired": [line.retired for line in lines],
            "reasons": [prose(line.reason) for line in lines],
            "rollouts": [
                Jsonb(rollout_document(line.rollout)) if line.rollout else None for line in lines
            ],
        }
        await self._conn.execute(queries.LOG, values)
        await entrance_rows.log(self._conn, signed, revision, entrances)
        return revision

    async def account_for_slots(self, definition_ids: Sequence[str]) -> None:
        """See `RegistryEdit.account_for_slots`."""
        values = self._signed() | {"definitions": list(definition_ids), "since": self._logged_at}
        await self._conn.execute(queries.ACCOUNT_FOR_SLOTS, values)

    async def look_back(self, definition_id: str, lookback: timedelta) -> None:
        """See `RegistryEdit.look_back`."""
        at = self._logged_at or self._now()
        request = lookback_of(definition_id, lookback, at, self._actor)
        await insert(self._conn, self._tenant, request, at)

    def _signed(self) -> dict[str, Any]:
        return {"tenant": self._tenant, "actor": self._actor, "at": self._now()}
