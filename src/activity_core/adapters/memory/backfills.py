"""Backfills in memory."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from activity_core.adapters.memory.decisions import decide, enqueue, new_run
from activity_core.adapters.memory.rows import BackfillRow, DecisionRow
from activity_core.adapters.memory.state import State, Tables
from activity_core.core import ids
from activity_core.core.decision import Outcome
from activity_core.core.errors import NotFoundError
from activity_core.core.rules.occurrence import Occurrence, TriggerKind
from activity_core.core.run.run import OPEN
from activity_core.ports.backfills import (
    BackfillProgress,
    BackfillRequest,
    BackfillStatus,
    decided_because,
)


class MemoryBackfills:
    """See `ports.backfills.Backfills`."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def existing(self, definition_id: str, slots: Sequence[datetime]) -> dict[datetime, str]:
        """See `Backfills.existing`."""
        return self._existing(self._state.tables, definition_id, slots)

    async def request(self, request: BackfillRequest, at: datetime) -> bool:
        """See `Backfills.request`."""
        async with self._state.transaction() as tables:
            if request.backfill_id in tables.backfills:
                return False
            runs = self._existing(tables, request.definition_id, request.slots)
            tables.backfills[request.backfill_id] = BackfillRow(request, at, runs, frozenset(runs))
            return True

    async def running(self) -> frozenset[str]:
        """See `Backfills.running`."""
        return frozenset(row.request.definition_id for row in _running(self._state.tables))

    async def release(self, at: datetime, version_of: Callable[[str], int | None]) -> int:
        """See `Backfills.release`."""
        made = 0
        async with self._state.transaction() as tables:
            for row in _running(tables):
                request, busy = row.request, _open_runs(tables, row)
                if not busy and len(row.runs) == len(request.slots):
                    _finish(tables, row, BackfillStatus.COMPLETED, at)
                elif (version := version_of(request.definition_id)) is not None:
                    free = max(0, request.max_concurrent - busy)
                    made += self._make_runs(tables, row, free, version, at)
        return made

    async def stop(self, backfill_id: str, at: datetime) -> None:
        """See `Backfills.stop`."""
        async with self._state.transaction() as tables:
            row = _row(tables, backfill_id)
            if row.status is BackfillStatus.RUNNING:
                _finish(tables, row, BackfillStatus.STOPPED, at)

    async def progress(self, backfill_id: str) -> BackfillProgress:
        """See `Backfills.progress`."""
        tables = self._state.tables
        return _progress(tables, _row(tables, backfill_id))

    async def recent(self, definition_id: str | None, limit: int) -> list[BackfillProgress]:
        """See `Backfills.recent`."""
        tables = self._state.tables
        rows = [
            row
            for row in tables.backfills.values()
            if definition_id in {None, row.request.definition_id}
        ]
        rows.sort(key=lambda row: (row.requested_at, row.request.backfill_id), reverse=True)
        return [_progress(tables, row) for row in rows[:limit]]

    def _existing(
        self, tables: Tables, definition_id: str, slots: Sequence[datetime]
    ) -> dict[datetime, str]:
        found = {}
        for slot in slots:
            occurrence = ids.occurrence_of_slot(slot)
            decision = tables.decisions.get((definition_id, occurrence))
            run_id = ids.run_id(self._state.tenant, definition_id, occurrence)
            if run_id in tables.runs:
                found[slot] = run_id
            elif decision is not None and decision.run_id is not None:
                found[slot] = decision.run_id
        return found

    def _make_runs(
        self, tables: Tables, row: BackfillRow, free: int, version: int, at: datetime
    ) -> int:
        """Runs for the next slots, unless they have some meanwhile; how many."""
        request = row.request
        slots = [slot for slot in request.slots if slot not in row.runs][:free]
        taken = self._existing(tables, request.definition_id, slots)
        runs = dict(taken)
        for slot in slots:
            if slot in taken:
                continue
            occurrence = Occurrence(
                ids.occurrence_of_slot(slot), TriggerKind.BACKFILL, scheduled_for=slot
            )
            run = new_run(self._state, request.definition_id, version, occurrence, at=at)
            decide(
                tables,
                DecisionRow(
                    definition_id=request.definition_id,
                    input_key=ids.input_of_backfill(request.backfill_id, slot),
                    version=version,
                    outcome=Outcome.FIRED,
                    reason=decided_because(request.actor, request.reason),
                    occurrence_key=occurrence.key,
                    decided_at=at,
                    run_id=run.run_id,
                ),
            )
            enqueue(self._state, tables, run)
            runs[slot] = run.run_id
        tables.backfills[request.backfill_id] = replace(
            row, runs={**row.runs, **runs}, existing=row.existing | taken.keys()
        )
        return len(runs) - len(taken)


def _row(tables: Tables, backfill_id: str) -> BackfillRow:
    if backfill_id not in tables.backfills:
        raise NotFoundError("no such backfill", subject=f"backfill {backfill_id}")
    return tables.backfills[backfill_id]


def _running(tables: Tables) -> list[BackfillRow]:
    return [row for row in tables.backfills.values() if row.status is BackfillStatus.RUNNING]


def _open_runs(tables: Tables, row: BackfillRow) -> int:
    own = (run_id for slot, run_id in row.runs.items() if slot not in row.existing)
    return sum(tables.runs[run_id].status in OPEN for run_id in own)


def _finish(tables: Tables, row: BackfillRow, status: BackfillStatus, at: datetime) -> None:
    finished = replace(row, status=status, finished_at=at)
    tables.backfills[row.request.backfill_id] = finished


def _progress(tables: Tables, row: BackfillRow) -> BackfillProgress:
    request = row.request
    counts = Counter(_count(tables, row, slot) for slot in request.slots)
    return BackfillProgress(
        backfill_id=request.backfill_id,
        definition_id=request.definition_id,
        first=request.first,
        last=request.last,
        order=request.order,
        max_concurrent=request.max_concurrent,
        actor=request.actor,
        reason=request.reason,
        status=row.status,
        slots=len(request.slots),
        counts=counts,
        requested_at=row.requested_at,
        finished_at=row.finished_at,
    )


def _count(tables: Tables, row: BackfillRow, slot: datetime) -> str:
    """Under which word a slot is counted."""
    if slot in row.existing:
        return "existing"
    return tables.runs[row.runs[slot]].status.value if slot in row.runs else "waiting"
