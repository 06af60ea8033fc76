"""An operator's retry in memory: a failed run becomes its next attempt."""

from dataclasses import replace
from datetime import datetime

from activity_core.adapters.memory.rows import RunRow
from activity_core.adapters.memory.state import Tables
from activity_core.core.run.run import RunStatus
from activity_core.core.run.task import TaskStatus

_REOPENED = frozenset({TaskStatus.FAILED, TaskStatus.SKIPPED})


def reopen(tables: Tables, run: RunRow, at: datetime) -> RunRow:
    """The run to be stored and queued, see `RunQueue.retry`; its tasks are reopened already."""
    reopened = replace(
        run,
        status=RunStatus.PENDING,
        attempt=run.attempt + 1,
        execution_id=None,
        touched_at=at,
        started_at=None,
        finished_at=None,
        failure=None,
    )
    if _reopen_tasks(tables, run.run_id):
        return reopened
    return replace(
        reopened, recorded=False, gathered={}, snapshot=None, context_hash=None, rules=None
    )


def _reopen_tasks(tables: Tables, run_id: str) -> bool:
    """Failed and skipped tasks of a run as pending; False if it has no tasks at all."""
    rows = [row for row in tables.tasks.values() if row.task.run_id == run_id]
    for row in rows:
        if row.task.status in _REOPENED:
            task = replace(row.task, status=TaskStatus.PENDING, result=None)
            tables.tasks[task.task_id] = replace(row, task=task, started_at=None, finished_at=None)
    return bool(rows)
