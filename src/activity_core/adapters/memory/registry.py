"""The registry in memory."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from activity_core.adapters.memory import entrances as entrance_rows
from activity_core.adapters.memory.event_replays import insert
from activity_core.adapters.memory.rows import CursorRow, LogRow
from activity_core.adapters.memory.state import State, Tables
from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.connection import Connection
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.errors import NotFoundError, RejectedError
from activity_core.ports.entrances import Change, Entrance, EntranceLine, Entrances
from activity_core.ports.event_replays import lookback_of
from activity_core.ports.registry import (
    HistoryLine,
    LogLine,
    RegistryEdit,
    RegistryEntry,
    RegistrySnapshot,
)
from activity_core.ports.slot_ledger import SlotCursor


def snapshot(tables: Tables, revision: int | None = None) -> RegistrySnapshot:
    """The registry at a revision (default: the newest)."""
    at = newest(tables) if revision is None else revision
    entries: dict[str, RegistryEntry] = {}
    for row in tables.registry_log.values():  # in order of revision
        line = row.line
        if row.revision <= at:
            entries[line.definition_id] = RegistryEntry(
                definition=tables.definitions[line.definition_id, line.version],
                version=line.version,
                paused=line.paused,
                retired=line.retired,
                revision=row.revision,
                reason=line.reason,
                actor=row.actor,
                changed_at=row.at,
                rollout=line.rollout,
            )
    return RegistrySnapshot(at, entries, dict(tables.connections), dict(tables.calendars))


def newest(tables: Tables) -> int:
    """The newest revision; 0 when nothing was ever applied."""
    return len(tables.revisions)


class MemoryRegistryEdit:
    """See `ports.registry.RegistryEdit`."""

    def __init__(self, tables: Tables, actor: str, now: Callable[[], datetime]) -> None:
        self._tables = tables
        self._actor = actor
        self._now = now
        self.current = snapshot(tables)
        self.entrances = entrance_rows.in_force(tables)

    async def publish(self, definition: ActivityDefinition, version: int) -> None:
        """See `RegistryEdit.publish`."""
        if (definition.id, version) in self._tables.definitions or version < 1:
            raise RejectedError(
                f"version {version} cannot be published (again)",
                subject=f"definition {definition.id}",
            )
        self._tables.definitions[definition.id, version] = definition

    async def put_connection(self, connection: Connection) -> None:
        """See `RegistryEdit.put_connection`."""
        self._tables.connections[connection.id] = connection

    async def put_calendar(self, calendar: Calendar) -> None:
        """See `RegistryEdit.put_calendar`."""
        self._tables.calendars[calendar.id] = calendar

    async def publish_entrance(self, part: Entrance, version: int) -> None:
        """See `EntranceEdit.publish_entrance`."""
        entrance_rows.publish(self._tables, part, version)

    async def log(self, lines: Sequence[LogLine], entrances: Sequence[EntranceLine] = ()) -> int:
        """See `RegistryEdit.log`."""
        revision = newest(self._tables) + 1
        at = self._tables.revisions[revision] = self._now()
        for line in lines:
            if (line.definition_id, line.version) not in self._tables.definitions:
                raise RejectedError(
                    f"version {line.version} was never published",
                    subject=f"definition {line.definition_id}",
                )
            key = revision, line.definition_id
            self._tables.registry_log[key] = LogRow(line, revision, self._actor, at)
        for entrance in entrances:
            entrance_rows.log(self._tables, LogRow(entrance, revision, self._actor, at))
        return revision

    async def account_for_slots(self, definition_ids: Sequence[str]) -> None:
        """See `RegistryEdit.account_for_slots`."""
        at = self._tables.revisions[newest(self._tables)]
        for definition_id in definition_ids:
            cursor = SlotCursor(definition_id, "", at, next_slot=None, wake_at=None)
            self._tables.slot_cursors.setdefault(definition_id, CursorRow(cursor, at, at))

    async def look_back(self, definition_id: str, lookback: timedelta) -> None:
        """See `RegistryEdit.look_back`."""
        at = self._tables.revisions[newest(self._tables)]
        insert(self._tables, lookback_of(definition_id, lookback, at, self._actor), at)


def _history_line(row: LogRow[LogLine], pause: LogRow[LogLine] | None) -> HistoryLine:
    line = row.line
    why = pause if pause and line.paused and not line.retired else row
    return HistoryLine(
        row.at,
        line.version,
        line.paused,
        line.retired,
        why.line.reason,
        why.actor,
        line.rollout,
    )


class MemoryRegistryStore:
    """See `ports.registry.RegistryStore`."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def revision(self) -> int:
        """See `RegistryStore.revision`."""
        return newest(self._state.tables)

    async def snapshot(self, revision: int | None = None) -> RegistrySnapshot:
        """See `RegistryStore.snapshot`."""
        return snapshot(self._state.tables, revision)

    async def changed_since(self, revision: int) -> RegistrySnapshot:
        """See `RegistryStore.changed_since`."""
        now = snapshot(self._state.tables)
        changed = {id_: entry for id_, entry in now.entries.items() if entry.revision > revision}
        return replace(now, entries=changed)

    async def entrances(self) -> Entrances:
        """See `RegistryStore.entrances`."""
        return entrance_rows.in_force(self._state.tables)

    async def version(self, definition_id: str, version: int) -> ActivityDefinition:
        """See `RegistryStore.version`."""
        definition = self._state.tables.definitions.get((definition_id, version))
        if definition is None:
            raise NotFoundError(
                "no such version", subject=f"definition {definition_id} version {version}"
            )
        return definition

    async def versions(
        self, wanted: Sequence[tuple[str, int]]
    ) -> Mapping[tuple[str, int], ActivityDefinition]:
        """See `RegistryStore.versions`."""
        known = self._state.tables.definitions
        return {version: known[version] for version in wanted if version in known}

    async def history(self, since: Mapping[str, datetime]) -> Mapping[str, Sequence[HistoryLine]]:
        """See `RegistryStore.history`."""
        found: dict[str, list[HistoryLine]] = {}
        pauses: dict[str, LogRow[LogLine]] = {}
        for row in self._state.tables.registry_log.values():  # in order of revision
            line = row.line
            instant = since.get(line.definition_id)
            if instant is None:
                continue
            if row.at <= instant:
                found[line.definition_id] = []
            if line.change is Change.PAUSED:
                pauses[line.definition_id] = row
            found.setdefault(line.definition_id, []).append(
                _history_line(row, pauses.get(line.definition_id))
            )
        return found

    def edit(
        self, actor: str, now: Callable[[], datetime]
    ) -> AbstractAsyncContextManager[RegistryEdit]:
        """See `RegistryStore.edit`."""
        return self._edit(actor, now)

    @asynccontextmanager
    async def _edit(self, actor: str, now: Callable[[], datetime]) -> AsyncIterator[RegistryEdit]:
        async with self._state.transaction() as tables:
            yield MemoryRegistryEdit(tables, actor, now)
