"""The entrances in the registry's own transactions: immutable versions and their log.

`registry` calls; `signed` are the tenant, the actor and the instant that it signs its rows with.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from psycopg.rows import DictRow
from psycopg.types.json import Json

from activity_core.adapters.postgres import entrances_queries as queries
from activity_core.adapters.postgres.pool import Connection
from activity_core.adapters.postgres.storable import prose
from activity_core.core.definition.event_source import EventSource
from activity_core.core.definition.event_type import EventType
from activity_core.ports.entrances import Entrance, EntranceEntry, EntranceLine, Entrances

PartT = TypeVar("PartT", EventSource, EventType)


async def entrances_at(conn: Connection, tenant: str, revision: int) -> Entrances:
    """What was in force of a tenant at a revision."""
    values = {"tenant": tenant, "revision": revision}
    rows = await (await conn.execute(queries.ENTRANCES, values)).fetchall()
    return Entrances(revision, _of(EventSource, rows), _of(EventType, rows))


async def publish(
    conn: Connection, signed: Mapping[str, Any], part: Entrance, version: int
) -> None:
    """Store a new version."""
    values = {
        **signed,
        "kind": part.kind,
        "part_id": part.id,
        "version": version,
        "document": Json(part.document()),
        "digest": part.digest,
    }
    await conn.execute(queries.PUBLISH, values)


async def log(
    conn: Connection, signed: Mapping[str, Any], revision: int, lines: Sequence[EntranceLine]
) -> None:
    """Append what a revision says about them."""
    values = {
        **signed,
        "revision": revision,
        "kinds": [line.kind for line in lines],
        "parts": [line.part_id for line in lines],
        "changes": [line.change.value for line in lines],
        "versions": [line.version for line in lines],
        "paused": [line.paused for line in lines],
        "retired": [line.retired for line in lines],
        "reasons": [prose(line.reason) for line in lines],
    }
    await conn.execute(queries.LOG, values)


def _of(part: type[PartT], rows: Sequence[DictRow]) -> dict[str, EntranceEntry[PartT]]:
    kind = part.model_fields["kind"].default
    entries = [_entry(part, row) for row in rows if row["kind"] == kind]
    return {entry.part.id: entry for entry in entries}


def _entry(part: type[PartT], row: DictRow) -> EntranceEntry[PartT]:
    return EntranceEntry(
        part=part.model_validate(row["document"]),
        version=row["version"],
        paused=row["paused"],
        retired=row["retired"],
        revision=row["revision"],
        reason=row["reason"],
        actor=row["actor"],
        changed_at=row["at"],
    )
