"""The entrances in memory, inside the registry's transactions."""

from activity_core.adapters.memory.rows import LogRow
from activity_core.adapters.memory.state import Tables
from activity_core.core.definition.event_source import EventSource
from activity_core.core.definition.event_type import EventType
from activity_core.core.errors import RejectedError
from activity_core.ports.entrances import (
    Entrance,
    EntranceEntry,
    EntranceLine,
    Entrances,
    EntranceT,
)


def in_force(tables: Tables) -> Entrances:
    """What is in force at the newest revision."""
    sources: dict[str, EntranceEntry[EventSource]] = {}
    event_types: dict[str, EntranceEntry[EventType]] = {}
    for row in tables.entrance_log.values():  # in order of revision
        line = row.line
        part = tables.entrances[line.kind, line.part_id, line.version]
        if isinstance(part, EventSource):
            sources[part.id] = _entry(part, row)
        else:
            event_types[part.id] = _entry(part, row)
    return Entrances(len(tables.revisions), sources, event_types)


def publish(tables: Tables, part: Entrance, version: int) -> None:
    """See `EntranceEdit.publish_entrance`."""
    key = part.kind, part.id, version
    if key in tables.entrances or version < 1:
        raise RejectedError(
            f"version {version} cannot be published (again)", subject=f"{part.kind} {part.id}"
        )
    tables.entrances[key] = part


def log(tables: Tables, row: LogRow[EntranceLine]) -> None:
    """Append a line of a new revision."""
    line = row.line
    key = row.revision, line.kind, line.part_id
    known = (line.kind, line.part_id, line.version) in tables.entrances
    if not known or key in tables.entrance_log or (line.paused and line.kind != "source"):
        raise RejectedError(
            f"version {line.version} cannot be logged as {line.change}",
            subject=f"{line.kind} {line.part_id}",
        )
    tables.entrance_log[key] = row


def _entry(part: EntranceT, row: LogRow[EntranceLine]) -> EntranceEntry[EntranceT]:
    return EntranceEntry(
        part=part,
        version=row.line.version,
        paused=row.line.paused,
        retired=row.line.retired,
        revision=row.revision,
        reason=row.line.reason,
        actor=row.actor,
        changed_at=row.at,
    )
