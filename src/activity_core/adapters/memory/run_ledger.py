"""The ledger of runs in memory: an open execution keeps every other writer waiting."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import datetime

from activity_core.adapters.memory.new_tasks import insert, insert_waiting
from activity_core.adapters.memory.outbox import announce
from activity_core.adapters.memory.rows import RunRow
from activity_core.adapters.memory.state import State, Tables
from activity_core.core.errors import ConflictError, NotFoundError
from activity_core.core.jsontext import JsonValue
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.run import OPEN, ClaimedRun, RunFailure, RunRecord, RunStatus
from activity_core.ports.run_ledger import OpenExecution, RunMaterial


class MemoryOpenExecution:
    """See `ports.run_ledger.OpenExecution`."""

    def __init__(self, state: State, tables: Tables, runs: Sequence[RunRow]) -> None:
        self._state = state
        self._tables = tables
        self.runs = [claimed_run(run) for run in runs]

    async def record(self, records: Sequence[RunRecord], at: datetime) -> None:
        """See `OpenExecution.record`."""
        for record in records:
            run = self._tables.runs[record.run_id]
            if run.recorded:
                raise ConflictError("it is recorded", subject=f"run {run.run_id}")
            self._tables.runs[run.run_id] = replace(
                run,
                status=record.status,
                finished_at=None if record.status in OPEN else at,
                recorded=True,
                snapshot=record.snapshot,
                context_hash=record.context_hash,
                rules=tuple(record.rules),
                failure=record.failure,
            )
            for new in record.tasks:
                insert(self._tables, run.run_id, new, at)
            insert_waiting(self._state, self._tables, run.run_id, record.notifications, at)
            announce(self._state, self._tables, record.announcements, at)


class MemoryRunLedger:
    """See `ports.run_ledger.RunLedger`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def open(
        self, execution_id: str, at: datetime, *, only: Sequence[str] | None = None
    ) -> AbstractAsyncContextManager[OpenExecution]:
        """See `RunLedger.open`."""
        return self._open(execution_id, at, only)

    @asynccontextmanager
    async def _open(
        self, execution_id: str, at: datetime, only: Sequence[str] | None
    ) -> AsyncIterator[OpenExecution]:
        async with self._state.transaction() as tables:
            execution = tables.executions.get(execution_id)
            if execution is None:
                raise NotFoundError("no such execution", subject=f"execution {execution_id}")
            tables.executions[execution_id] = replace(execution, lease_until=None)
            runs = [
                replace(run, status=RunStatus.RUNNING, started_at=run.started_at or at)
                for run_id, run in sorted(tables.runs.items())
                if run.execution_id == execution_id
                and run.status in OPEN
                and (only is None or run_id in only)
            ]
            tables.runs.update((run.run_id, run) for run in runs)
            yield MemoryOpenExecution(self._state, tables, runs)

    async def material(self, run_id: str) -> RunMaterial:
        """See `RunLedger.material`."""
        run = self._state.tables.runs.get(run_id)
        if run is None or run.snapshot is None:
            raise NotFoundError("no such recorded run", subject=f"run {run_id}")
        return RunMaterial(
            run.definition_id, run.version, run.attempt, run.occurrence, json.loads(run.snapshot)
        )

    async def keep_gathered(self, run_id: str, source: str, data: JsonValue) -> None:
        """See `RunLedger.keep_gathered`."""
        async with self._state.transaction() as tables:
            run = tables.runs[run_id]
            tables.runs[run_id] = replace(run, gathered={source: data, **run.gathered})

    async def close(
        self,
        run_id: str,
        status: RunStatus,
        failure: RunFailure | None,
        at: datetime,
        announcements: Sequence[Announcement],
    ) -> bool:
        """See `RunLedger.close`."""
        async with self._state.transaction() as tables:
            run = tables.runs.get(run_id)
            if run is None or run.status not in OPEN:
                return False
            tables.runs[run_id] = replace(run, status=status, failure=failure, finished_at=at)
            announce(self._state, tables, announcements, at)
            return True


def claimed_run(run: RunRow) -> ClaimedRun:
    """A run as those see it who carry it out."""
    return ClaimedRun(
        run.run_id,
        run.definition_id,
        run.version,
        run.occurrence,
        run.attempt,
        run.status,
        run.recorded,
        run.gathered,
        run.stop,
    )
