"""The queue of decided runs in memory."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter

from activity_core.adapters.memory.decisions import decide, enqueue, new_run
from activity_core.adapters.memory.rows import DecisionRow, ExecutionRow, RunRow
from activity_core.adapters.memory.state import State, Tables
from activity_core.core.decision import Outcome
from activity_core.core.definition.flow_control import DEFAULT_PRIORITY
from activity_core.core.rules.occurrence import Occurrence, TriggerKind
from activity_core.core.run.run import OPEN, Execution, PendingRun, RunStatus
from activity_core.ports.run_queue import ManualRequest, OpenRun, PendingTask, Signal, Submission


class MemoryRunQueue:
    """See `ports.run_queue.RunQueue`."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def submit(self, request: ManualRequest, at: datetime) -> Submission:
        """See `RunQueue.submit`."""
        occurrence = Occurrence(request.occurrence_key, TriggerKind.MANUAL, input=request.input)
        run = new_run(self._state, request.definition_id, request.version, occurrence, at=at)
        async with self._state.transaction() as tables:
            if run.run_id in tables.runs:
                return Submission(run.run_id, created=False)
            decide(
                tables,
                DecisionRow(
                    definition_id=run.definition_id,
                    input_key=request.occurrence_key,
                    version=run.version,
                    outcome=Outcome.FIRED,
                    reason=f"requested by {request.actor}",
                    occurrence_key=request.occurrence_key,
                    decided_at=at,
                    run_id=run.run_id,
                ),
            )
            enqueue(self._state, tables, run)
            return Submission(run.run_id, created=True)

    async def compose(
        self,
        limit: int,
        composer: Callable[[Sequence[PendingRun]], Sequence[Execution]],
        *,
        at: datetime,
        lease: timedelta,
    ) -> list[Execution]:
        """See `RunQueue.compose`."""
        async with self._state.transaction() as tables:
            positions = _turns(tables, at)[:limit]
            runs = [tables.runs[tables.pending_runs.pop(position).run_id] for position in positions]
            pending = [_pending(tables, run) for run in runs if run.status is RunStatus.PENDING]
            executions = list(composer(pending)) if pending else []
            for execution in executions:
                tables.executions[execution.execution_id] = ExecutionRow(
                    execution.execution_id, execution.workflow_id, at + lease
                )
                for run_id in execution.runs:
                    tables.runs[run_id] = replace(
                        tables.runs[run_id], execution_id=execution.execution_id
                    )
            return executions

    async def overdue(self, limit: int, *, at: datetime, lease: timedelta) -> list[Execution]:
        """See `RunQueue.overdue`."""
        async with self._state.transaction() as tables:
            due = [
                row
                for row in tables.executions.values()
                if row.lease_until is not None and row.lease_until <= at
            ][:limit]
            for row in due:
                tables.executions[row.execution_id] = replace(row, lease_until=at + lease)
            again = [_execution(tables, row) for row in due]
            return sorted(again, key=attrgetter("priority"))

    async def mark_started(self, execution_ids: Sequence[str]) -> None:
        """See `RunQueue.mark_started`."""
        async with self._state.transaction() as tables:
            for execution_id in execution_ids:
                tables.executions[execution_id] = replace(
                    tables.executions[execution_id], lease_until=None
                )

    async def depth(self) -> int:
        """See `RunQueue.depth`."""
        runs = self._state.tables.runs.values()
        return sum(run.status is RunStatus.PENDING for run in runs)

    async def take_tasks(self, limit: int) -> list[PendingTask]:
        """See `RunQueue.take_tasks`."""
        tables = self._state.tables
        waiting = [(at, tables.tasks[id_].task) for at, id_ in tables.pending_tasks.items()]
        return [
            PendingTask(at, task.task_id, task.definition_id, task.version, task.rule, task.spec_id)
            for at, task in waiting[:limit]
        ]

    async def drop_tasks(self, positions: Sequence[int]) -> None:
        """See `RunQueue.drop_tasks`."""
        async with self._state.transaction() as tables:
            for position in positions:
                tables.pending_tasks.pop(position, None)

    async def take_signals(self, limit: int) -> list[Signal]:
        """See `RunQueue.take_signals`."""
        return list(self._state.tables.pending_signals.values())[:limit]

    async def drop_signals(self, positions: Sequence[int]) -> None:
        """See `RunQueue.drop_signals`."""
        async with self._state.transaction() as tables:
            for position in positions:
                tables.pending_signals.pop(position, None)

    async def open_runs(self, limit: int, *, untouched_since: datetime) -> list[OpenRun]:
        """See `RunQueue.open_runs`."""
        tables = self._state.tables
        started = [
            (run, tables.executions[run.execution_id])
            for run in tables.runs.values()
            if run.status in OPEN
            and run.execution_id is not None
            and run.touched_at < untouched_since
        ]
        longest_ago_first = sorted(started, key=lambda pair: (pair[0].touched_at, pair[0].run_id))
        return [
            OpenRun(run.run_id, run.definition_id, execution.workflow_id, run.status)
            for run, execution in longest_ago_first
            if execution.lease_until is None
        ][:limit]

    async def touch(self, run_ids: Sequence[str], at: datetime) -> None:
        """See `RunQueue.touch`."""
        async with self._state.transaction() as tables:
            for run_id in run_ids:
                tables.runs[run_id] = replace(tables.runs[run_id], touched_at=at)

    async def restart(self, run_id: str, at: datetime) -> None:
        """See `RunQueue.restart`."""
        async with self._state.transaction() as tables:
            run = tables.runs.get(run_id)
            if run is None or run.status not in OPEN or run.execution_id is None:
                return
            execution = tables.executions[run.execution_id]
            tables.executions[run.execution_id] = replace(execution, lease_until=at)


def _turns(tables: Tables, at: datetime) -> list[int]:
    """Positions of the runs whose start is not put off, by priority in order of their turns."""
    turns = [
        (
            tables.runs[row.run_id].priority,
            row.start_at or datetime.min.replace(tzinfo=UTC),
            position,
        )
        for position, row in tables.pending_runs.items()
    ]
    return [position for _, start_at, position in sorted(turns) if start_at <= at]


def _pending(tables: Tables, run: RunRow) -> PendingRun:
    return PendingRun(
        run.run_id,
        run.definition_id,
        run.version,
        run.occurrence.key,
        run.attempt,
        run.priority,
        _size(tables, run) if run.attempt == 1 else 0,
    )


def _size(tables: Tables, run: RunRow) -> int:
    if run.occurrence.trigger is TriggerKind.MANUAL:
        return len(json.dumps(run.occurrence.input, separators=(",", ":")))
    return sum(len(tables.events[key].envelope.to_bytes()) for key in run.events)


def _execution(tables: Tables, row: ExecutionRow) -> Execution:
    runs = [run for run in tables.runs.values() if run.execution_id == row.execution_id]
    return Execution(
        row.execution_id,
        row.workflow_id,
        tuple(sorted(run.run_id for run in runs)),
        tuple(sorted({run.definition_id for run in runs})),
        min((run.priority for run in runs), default=DEFAULT_PRIORITY),
        tuple(sorted({f"{run.definition_id}@{run.version}" for run in runs})),
        tuple(sorted({run.occurrence.key for run in runs})),
    )
