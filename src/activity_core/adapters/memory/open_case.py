"""A case under lock in memory: the whole transaction has the tables to itself."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from activity_core.adapters.memory.case_rows import CaseRow, CaseRunRow, Key
from activity_core.adapters.memory.decisions import decide
from activity_core.adapters.memory.rows import DecisionRow, RunRow, WaitingRow
from activity_core.adapters.memory.run_ledger import MemoryOpenExecution
from activity_core.adapters.memory.state import State, Tables
from activity_core.core.decision import Outcome
from activity_core.core.run.run import RunStatus
from activity_core.ports.cases import BY_ITSELF, CaseWork, QueuedRun


class MemoryOpenCase:
    """See `ports.cases.OpenCase`."""

    def __init__(
        self, state: State, tables: Tables, row: CaseRow, queued: Sequence[QueuedRun]
    ) -> None:
        self._state = state
        self._tables = tables
        self._row = row
        self.case = row.case
        self.queued = queued

    async def write(self, work: CaseWork, at: datetime) -> None:
        """See `OpenCase.write`."""
        tables = self._tables
        taken = {record.run_id for record in work.records}
        for each in work.fired:
            self._fire(each, at)
            row = CaseRunRow(self._row.key, each.run.run_id, is_first=True)
            if each.run.run_id not in taken and row not in tables.case_runs.values():
                tables.case_runs[self._state.next_position()] = row
        for run in work.runs:
            pinned = replace(tables.runs[run.run_id], case_id=self.case.case_id)
            tables.runs[run.run_id] = replace(pinned, version=run.version)
        rows = [replace(tables.runs[run_id], started_at=at) for run_id in sorted(taken)]
        tables.runs.update((row.run_id, row) for row in rows)
        await MemoryOpenExecution(self._state, tables, rows).record(work.records, at)
        for position, row in list(tables.case_runs.items()):
            if row.run_id in taken:
                del tables.case_runs[position]
        for record in work.records:
            if record.status is RunStatus.PENDING:
                tables.pending_runs[self._state.next_position()] = WaitingRow(record.run_id)
        closed_by = BY_ITSELF if work.case.closed_at else None
        tables.cases[self.case.case_id] = replace(
            self._row, case=work.case, wakes=work.wakes, closed_by=closed_by
        )

    def _fire(self, fired: QueuedRun, at: datetime) -> None:
        run, tables = fired.run, self._tables
        if run.run_id in tables.runs:
            return
        row = RunRow(run.run_id, run.definition_id, run.version, run.occurrence, fired.at, at)
        tables.runs[run.run_id] = row
        key, reason = run.occurrence.key, f"timer {run.occurrence.timer}"
        decision = DecisionRow(
            run.definition_id, key, run.version, Outcome.FIRED, reason, key, at, run.run_id
        )
        decide(tables, decision)


def queue_of(tables: Tables, key: Key) -> list[CaseRunRow]:
    """What waits for its turn in the case of a key, in order."""
    rows = [(not row.is_first, at, row) for at, row in tables.case_runs.items() if row.key == key]
    return [row for _, _, row in sorted(rows, key=lambda each: each[:2])]
