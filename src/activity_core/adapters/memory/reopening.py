"""An operator's retry in memory: a failed run becomes its next attempt."""

from dataclasses import replace
from datetime import datetime

from activity_core.adapters.memory.rows import RunRow
from activity_core.adapters.memory.state import Tables
from activity_core.adapters.memory.task_rows import store
from activity_core.core.rules.task_spec import TaskRole
from activity_core.core.run.run import RunStatus
from activity_core.core.run.task import NOT_WANTED, TaskInstance, TaskStatus

_ROLES = frozenset({TaskRole.TASK, TaskRole.COMPENSATION})


def reopen(tables: Tables, run: RunRow, at: datetime) -> RunRow:
    """The run to be stored and queued, see `HeldRun.retry`; its tasks are reopened already."""
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
    if _reopen_tasks(tables, run.run_id, reopened.attempt):
        return reopened
    return replace(
        reopened, recorded=False, gathered={}, snapshot=None, context_hash=None, rules=None
    )


def _reopen_tasks(tables: Tables, run_id: str, attempt: int) -> bool:
    """Failed and skipped tasks of a run as pending; False if it has no tasks at all."""
    rows = [row for row in tables.tasks.values() if row.task.run_id == run_id]
    undone = {_group(row.task) for row in rows if row.task.role is TaskRole.COMPENSATION}
    for row in rows:
        is_undone = row.task.role is TaskRole.TASK and _group(row.task) in undone
        task = replace(row.task, run_attempt=attempt)
        store(tables, replace(row, task=task))
        if _is_reopened(task) and not is_undone:
            task = replace(
                task,
                status=TaskStatus.PENDING,
                result=None,
                claimed_by=None,
                clock=replace(row.task.clock, step=0),
                ready_at=None,
                waits_until=None,
            )
            again = replace(row, task=task, attempts=0, started_at=None, finished_at=None)
            store(tables, again)
    return bool(rows)


def _group(task: TaskInstance) -> tuple[str, int]:
    return task.rule, task.item


def _is_reopened(task: TaskInstance) -> bool:
    """It failed, or was left out or given up because another one did; not what nobody wanted."""
    outcome = task.result.outcome if task.result else ""
    match task.status:
        case TaskStatus.FAILED | TaskStatus.CANCELLED:
            is_due = True
        case TaskStatus.SKIPPED:
            is_due = outcome != NOT_WANTED
        case TaskStatus.EXPIRED:
            is_due = outcome == "expired"
        case _:
            is_due = False
    return is_due and task.role in _ROLES
