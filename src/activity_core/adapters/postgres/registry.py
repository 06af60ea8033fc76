"""The registry: immutable versions, an append-only log, and a counter whose row locks edits."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from activity_core.adapters.postgres.pool import Connection, Pool, connection, transaction
from activity_core.adapters.postgres.storable import prose
from activity_core.core.definition.connection import Connection as NamedConnection
from activity_core.core.definition.definition import ActivityDefinition, definition_from_document
from activity_core.core.errors import NotFoundError
from activity_core.ports.registry import LogLine, RegistryEdit, RegistryEntry, RegistrySnapshot

_REVISION = "select revision from registry_revisions where tenant = %(tenant)s"
_LOCK = """
insert into registry_revisions as r (tenant, revision) values (%(tenant)s, 0)
on conflict (tenant) do update set revision = r.revision
returning revision
"""
_ENTRIES = """
select distinct on (l.definition_id)
    l.definition_id, l.version, l.paused, l.retired, l.revision, l.reason, l.actor, l.at, d.document
from registry_log l
join activity_definitions d using (tenant, definition_id, version)
where l.tenant = %(tenant)s and l.revision <= %(revision)s
order by l.definition_id, l.revision desc
"""
_CONNECTIONS = "select document from connections where tenant = %(tenant)s order by connection_id"
_VERSION = """
select document from activity_definitions
where tenant = %(tenant)s and definition_id = %(definition_id)s and version = %(version)s
"""
_PUBLISH = """
insert into activity_definitions
    (tenant, definition_id, version, document, digest, published_at, published_by)
values (%(tenant)s, %(definition_id)s, %(version)s, %(document)s, %(digest)s, %(at)s, %(actor)s)
"""
_PUT_CONNECTION = """
insert into connections (tenant, connection_id, document, updated_at, updated_by)
values (%(tenant)s, %(connection_id)s, %(document)s, %(at)s, %(actor)s)
on conflict (tenant, connection_id) do update set
    document = excluded.document, updated_at = excluded.updated_at, updated_by = excluded.updated_by
"""
_COUNT_UP = """
update registry_revisions set revision = revision + 1 where tenant = %(tenant)s returning revision
"""
_LOG = """
insert into registry_log
    (tenant, revision, definition_id, change, version, paused, retired, reason, actor, at)
select %(tenant)s, %(revision)s, l.*, %(actor)s, %(at)s
from unnest(%(definitions)s::text[], %(changes)s::text[], %(versions)s::int[],
    %(paused)s::boolean[], %(retired)s::boolean[], %(reasons)s::text[]) as l
"""


class PostgresRegistryStore:
    """See `ports.registry.RegistryStore`."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    async def revision(self) -> int:
        """See `RegistryStore.revision`."""
        async with connection(self._pool) as conn:
            row = await (await conn.execute(_REVISION, {"tenant": self._tenant})).fetchone()
        return 0 if row is None else int(row["revision"])

    async def snapshot(self, revision: int | None = None) -> RegistrySnapshot:
        """See `RegistryStore.snapshot`."""
        if revision is None:
            revision = await self.revision()
        async with connection(self._pool) as conn:
            return await _snapshot(conn, self._tenant, revision)

    async def version(self, definition_id: str, version: int) -> ActivityDefinition:
        """See `RegistryStore.version`."""
        values = {"tenant": self._tenant, "definition_id": prose(definition_id), "version": version}
        async with connection(self._pool) as conn:
            row = await (await conn.execute(_VERSION, values)).fetchone()
        if row is None:
            raise NotFoundError("no such version", subject=f"definition {definition_id} v{version}")
        return definition_from_document(row["document"])

    def edit(self, actor: str, at: datetime) -> AbstractAsyncContextManager[RegistryEdit]:
        """See `RegistryStore.edit`."""
        return self._edit(actor, at)

    @asynccontextmanager
    async def _edit(self, actor: str, at: datetime) -> AsyncIterator[RegistryEdit]:
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(_LOCK, {"tenant": self._tenant})).fetchone()
            current = await _snapshot(conn, self._tenant, row["revision"] if row else 0)
            yield PostgresRegistryEdit(conn, self._tenant, current, actor, at)


class PostgresRegistryEdit:
    """See `ports.registry.RegistryEdit`."""

    def __init__(
        self, conn: Connection, tenant: str, current: RegistrySnapshot, actor: str, at: datetime
    ) -> None:
        self._conn = conn
        self._values = {"tenant": tenant, "actor": actor, "at": at}
        self.current = current

    async def publish(self, definition: ActivityDefinition, version: int) -> None:
        """See `RegistryEdit.publish`."""
        values = self._values | {
            "definition_id": definition.id,
            "version": version,
            "document": Jsonb(definition.document()),
            "digest": definition.digest,
        }
        await self._conn.execute(_PUBLISH, values)

    async def put_connection(self, connection: NamedConnection) -> None:
        """See `RegistryEdit.put_connection`."""
        document = connection.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        values = self._values | {"connection_id": connection.id, "document": Jsonb(document)}
        await self._conn.execute(_PUT_CONNECTION, values)

    async def log(self, lines: Sequence[LogLine]) -> int:
        """See `RegistryEdit.log`."""
        row = await (await self._conn.execute(_COUNT_UP, self._values)).fetchone()
        revision = int(row["revision"]) if row else 0
        values = self._values | {
            "revision": revision,
            "definitions": [line.definition_id for line in lines],
            "changes": [line.change.value for line in lines],
            "versions": [line.version for line in lines],
            "paused": [line.paused for line in lines],
            "retired": [line.retired for line in lines],
            "reasons": [prose(line.reason) for line in lines],
        }
        await self._conn.execute(_LOG, values)
        return revision


async def _snapshot(conn: Connection, tenant: str, revision: int) -> RegistrySnapshot:
    values = {"tenant": tenant, "revision": revision}
    entries = await (await conn.execute(_ENTRIES, values)).fetchall()
    documents = await (await conn.execute(_CONNECTIONS, values)).fetchall()
    connections = [NamedConnection.model_validate(row["document"]) for row in documents]
    return RegistrySnapshot(
        revision,
        {row["definition_id"]: _entry(row) for row in entries},
        {connection.id: connection for connection in connections},
    )


def _entry(row: Mapping[str, Any]) -> RegistryEntry:
    return RegistryEntry(
        definition=definition_from_document(row["document"]),
        version=row["version"],
        paused=row["paused"],
        retired=row["retired"],
        revision=row["revision"],
        reason=row["reason"],
        actor=row["actor"],
        changed_at=row["at"],
    )
