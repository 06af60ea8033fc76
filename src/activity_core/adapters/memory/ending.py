"""Runs that end before their time, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from activity_core.adapters.memory.outbox import announce
from activity_core.adapters.memory.state import State, Tables
from activity_core.adapters.memory.task_rows import end
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.ending import Ending, OpenWork
from activity_core.core.run.run import OPEN, RunStatus
from activity_core.core.run.task import FINAL, TaskInstance
from activity_core.ports.run_queue import Signal, SignalKind


def open_work(tables: Tables, run_ids: Sequence[str]) -> Sequence[OpenWork]:
    """See `OpenCursors.open_work`."""
    runs = [tables.runs[run_id] for run_id in sorted(run_ids) if run_id in tables.runs]
    return [
        OpenWork(run.run_id, run.definition_id, run.attempt, _open_tasks(tables, run.run_id))
        for run in runs
        if run.status in OPEN
    ]


def end_runs(
    state: State,
    tables: Tables,
    ending: Ending,
    kind: SignalKind,
    told: Mapping[str, Sequence[Announcement]],
    *,
    at: datetime,
) -> None:
    """Cancel these runs with what is open of them; announce it, tell their workflows."""
    for run_id, announcements in told.items():
        run = tables.runs[run_id]
        tables.runs[run_id] = replace(
            run, status=RunStatus.CANCELLED, finished_at=at, failure=ending.failure
        )
        _cancel_tasks(tables, run_id, ending, at)
        announce(state, tables, announcements, at)
        sharing = [each for each in tables.runs.values() if each.execution_id == run.execution_id]
        if run.execution_id is not None and len(sharing) == 1:
            position = state.next_position()
            workflow_id = tables.executions[run.execution_id].workflow_id
            tables.pending_signals[position] = Signal(position, workflow_id, kind)


def _cancel_tasks(tables: Tables, run_id: str, ending: Ending, at: datetime) -> None:
    for task in _open_tasks(tables, run_id):
        end(tables, tables.tasks[task.task_id], ending.task, at)


def _open_tasks(tables: Tables, run_id: str) -> list[TaskInstance]:
    return [
        row.task
        for _, row in sorted(tables.tasks.items())
        if row.task.run_id == run_id and row.task.status not in FINAL
    ]
