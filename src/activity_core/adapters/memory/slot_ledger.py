"""The slot ledger in memory: a settler holds the cursors that it opened."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from activity_core.adapters.memory.decisions import decide
from activity_core.adapters.memory.ending import open_work
from activity_core.adapters.memory.rows import CursorRow, DecisionRow, RunRow
from activity_core.adapters.memory.settled_slots import write_settled
from activity_core.adapters.memory.state import Draft, State, Tables
from activity_core.core import ids
from activity_core.core.decision import Outcome
from activity_core.core.rules.occurrence import TriggerKind
from activity_core.core.run.ending import OpenWork
from activity_core.core.run.run import OPEN
from activity_core.ports.slot_ledger import (
    AuditRange,
    OpenCursor,
    OpenCursors,
    SettledSlots,
    SlotCursor,
)

_CURSORS = "cursors of slots"


class MemoryOpenCursors:
    """See `ports.slot_ledger.OpenCursors`."""

    def __init__(
        self, state: State, draft: Draft, due: Sequence[OpenCursor], recovery_rate: float
    ) -> None:
        self._state = state
        self._draft = draft
        self._recovery_rate = recovery_rate
        self.due = due

    async def taken(
        self, slots: Mapping[str, Sequence[datetime]]
    ) -> Mapping[str, Mapping[datetime, str]]:
        """See `OpenCursors.taken`."""
        runs = self._state.tables.runs
        found: dict[str, dict[datetime, str]] = {}
        for definition_id, listed in slots.items():
            for slot in listed:
                occurrence = ids.occurrence_of_slot(slot)
                run_id = ids.run_id(self._state.tenant, definition_id, occurrence)
                if run_id in runs:
                    found.setdefault(definition_id, {})[slot] = run_id
        return found

    async def open_work(self, run_ids: Sequence[str]) -> Sequence[OpenWork]:
        """See `OpenCursors.open_work`; every other writer waits from now on."""
        return open_work(await self._draft.tables(), run_ids)

    async def write(self, settled: Sequence[SettledSlots], at: datetime) -> None:
        """See `OpenCursors.write`."""
        tables = await self._draft.tables()
        write_settled(self._state, tables, settled, at, self._recovery_rate)


class MemorySlotLedger:
    """See `ports.slot_ledger.SlotLedger`."""

    def __init__(self, state: State, recovery_rate: float = 20.0) -> None:
        """`recovery_rate`: runs a second that may make up for missed slots, of all definitions."""
        self._state = state
        self._recovery_rate = recovery_rate

    async def cursors(self) -> Mapping[str, SlotCursor]:
        """See `SlotLedger.cursors`."""
        return {id_: row.cursor for id_, row in self._state.tables.slot_cursors.items()}

    async def plan(self, cursors: Sequence[SlotCursor]) -> None:
        """See `SlotLedger.plan`."""
        async with self._state.transaction() as tables:
            for new in cursors:
                row = tables.slot_cursors.setdefault(
                    new.definition_id, CursorRow(new, new.covered_until, new.covered_until)
                )
                planned = replace(
                    row.cursor,
                    plan=new.plan,
                    next_slot=_earlier(row.cursor.next_slot, new.next_slot),
                    wake_at=_earlier(row.cursor.wake_at, new.wake_at),
                )
                tables.slot_cursors[new.definition_id] = replace(row, cursor=planned)

    async def due(self, at: datetime, limit: int) -> Mapping[str, datetime]:
        """See `SlotLedger.due`."""
        last = datetime.max.replace(tzinfo=UTC)
        found = sorted(
            (cursor.next_slot or last, cursor.definition_id, cursor.covered_until)
            for cursor in _due(self._state.tables, at)
        )
        return {definition_id: covered for _, definition_id, covered in found[:limit]}

    def open_due(
        self, definition_ids: Sequence[str], at: datetime
    ) -> AbstractAsyncContextManager[OpenCursors]:
        """See `SlotLedger.open_due`."""
        return self._open(frozenset(definition_ids), at)

    @asynccontextmanager
    async def _open(self, wanted: frozenset[str], at: datetime) -> AsyncIterator[OpenCursors]:
        async with AsyncExitStack() as stack:
            tables = self._state.tables
            free = sorted(
                (
                    cursor
                    for cursor in _due(tables, at)
                    if cursor.definition_id in wanted
                    and not self._state.is_held(_CURSORS, cursor.definition_id)
                ),
                key=lambda cursor: cursor.definition_id,
            )
            stack.enter_context(
                self._state.hold(_CURSORS, [cursor.definition_id for cursor in free])
            )
            due = [
                OpenCursor(
                    cursor,
                    [run.run_id for run in _open_runs(tables, cursor.definition_id)],
                    _held(tables, cursor.definition_id),
                )
                for cursor in free
            ]
            draft = Draft(self._state, stack)
            yield MemoryOpenCursors(self._state, draft, due, self._recovery_rate)

    async def overdue(self, at: datetime) -> bool:
        """See `SlotLedger.overdue`."""
        tables = self._state.tables
        return any(
            (cursor.wake_at is not None and cursor.wake_at <= at) or _goes_on(tables, cursor)
            for cursor in (row.cursor for row in tables.slot_cursors.values())
        )

    async def decided(
        self, definition_id: str, after: datetime, until: datetime
    ) -> Mapping[datetime, Outcome]:
        """See `SlotLedger.decided`."""
        first, last = ids.occurrence_of_slot(after), ids.occurrence_of_slot(until)
        return {
            ids.slot_of_occurrence(key): decision.outcome
            for (definition, key), decision in self._state.tables.decisions.items()
            if definition == definition_id and first < key <= last
        }

    async def unaudited(self, limit: int, *, before: datetime) -> Sequence[AuditRange]:
        """See `SlotLedger.unaudited`."""
        ranges = [
            AuditRange(id_, row.audited_until, min(row.cursor.covered_until, before))
            for id_, row in self._state.tables.slot_cursors.items()
        ]
        ranges.sort(key=lambda part: part.after)
        return [part for part in ranges if part.after < part.until][:limit]

    async def mark_audited(self, ranges: Sequence[AuditRange]) -> None:
        """See `SlotLedger.mark_audited`."""
        async with self._state.transaction() as tables:
            for part in ranges:
                row = tables.slot_cursors.get(part.definition_id)
                if row is not None and part.until <= row.cursor.covered_until:
                    audited = max(row.audited_until, part.until)
                    tables.slot_cursors[part.definition_id] = replace(row, audited_until=audited)

    async def write_unexplained(
        self, definition_id: str, version: int, slots: Sequence[datetime], reason: str, at: datetime
    ) -> None:
        """See `SlotLedger.write_unexplained`."""
        async with self._state.transaction() as tables:
            for slot in slots:
                key = ids.occurrence_of_slot(slot)
                if (definition_id, key) not in tables.decisions:
                    decide(
                        tables,
                        DecisionRow(definition_id, key, version, Outcome.FAILED, reason, key, at),
                    )


def _due(tables: Tables, at: datetime) -> Iterator[SlotCursor]:
    for row in tables.slot_cursors.values():
        slot = row.cursor.next_slot
        if (slot is not None and slot <= at) or _goes_on(tables, row.cursor):
            yield row.cursor


def _goes_on(tables: Tables, cursor: SlotCursor) -> bool:
    """Whether a slot is held and nothing is open any more."""
    id_ = cursor.definition_id
    return bool(_held(tables, id_)) and not _open_runs(tables, id_)


def _held(tables: Tables, definition_id: str) -> list[datetime]:
    return sorted(
        ids.slot_of_occurrence(key)
        for (definition, key), decision in tables.decisions.items()
        if definition == definition_id
        and decision.outcome is Outcome.HELD
        and decision.event_key is None
    )


def _open_runs(tables: Tables, definition_id: str) -> list[RunRow]:
    runs = [
        run
        for run in tables.runs.values()
        if run.definition_id == definition_id
        and run.status in OPEN
        and run.occurrence.trigger is TriggerKind.SCHEDULE
        and run.rerun_of is None
    ]
    return sorted(runs, key=lambda run: run.occurrence.key)


def _earlier(mine: datetime | None, other: datetime | None) -> datetime | None:
    return min((each for each in (mine, other) if each is not None), default=None)
