"""The registry's rows as they were at a revision."""

from collections.abc import Mapping
from typing import Any

from activity_core.adapters.postgres import registry_queries as queries
from activity_core.adapters.postgres.pool import Connection
from activity_core.adapters.postgres.rollout_document import rollout_from_document
from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.connection import Connection as NamedConnection
from activity_core.core.definition.definition import definition_from_document
from activity_core.ports.registry import RegistryEntry, RegistrySnapshot


async def snapshot_at(
    conn: Connection, tenant: str, revision: int, *, after: int = 0
) -> RegistrySnapshot:
    """The registry at a revision, or only the definitions that changed `after` another one."""
    values = {"tenant": tenant}
    documents = await (await conn.execute(queries.CONNECTIONS, values)).fetchall()
    connections = [NamedConnection.model_validate(row["document"]) for row in documents]
    documents = await (await conn.execute(queries.CALENDARS, values)).fetchall()
    calendars = [Calendar.model_validate(row["document"]) for row in documents]
    return RegistrySnapshot(
        revision,
        await _entries(conn, tenant, after, revision),
        {connection.id: connection for connection in connections},
        {calendar.id: calendar for calendar in calendars},
    )


async def _entries(
    conn: Connection, tenant: str, after: int, revision: int
) -> dict[str, RegistryEntry]:
    values = {"tenant": tenant, "after": after, "revision": revision}
    rows = await (await conn.execute(queries.ENTRIES, values)).fetchall()
    return {row["definition_id"]: _entry(row) for row in rows}


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
        rollout=rollout_from_document(row["rollout"]),
    )
