"""New tasks as rows of the in-memory tables."""

from collections.abc import Sequence
from datetime import datetime

from activity_core.adapters.memory.rows import RunRow, TaskRow
from activity_core.adapters.memory.state import State, Tables
from activity_core.core.run.task import FINAL, NewTask, TaskInstance, TaskResult, TaskStatus


def insert(tables: Tables, run_id: str, new: NewTask, at: datetime) -> None:
    """Write a task that its run carries out; one that is there already stays as it is."""
    task = _recorded(tables.runs[run_id], new, at)
    row = TaskRow(task, at, finished_at=at if task.result else None)
    tables.tasks.setdefault(task.task_id, row)


def insert_waiting(
    state: State, tables: Tables, run_id: str, tasks: Sequence[NewTask], at: datetime
) -> None:
    """Write tasks that wait for the starter; those that are there already stay as they are."""
    for new in tasks:
        if new.spec.task_id not in tables.tasks:
            insert(tables, run_id, new, at)
            tables.pending_tasks[state.next_position()] = new.spec.task_id


def _recorded(run: RunRow, new: NewTask, at: datetime) -> TaskInstance:
    spec, event = new.spec, run.occurrence.event
    return TaskInstance(
        task_id=spec.task_id,
        run_id=run.run_id,
        definition_id=run.definition_id,
        version=run.version,
        rule=spec.rule,
        spec_id=spec.spec_id,
        item=spec.item,
        kind=spec.kind,
        title=spec.title,
        status=new.status,
        inputs=spec.inputs,
        needs=spec.needs,
        assignee=spec.assignee,
        groups=spec.groups,
        clock=new.clock,
        wait=spec.wait,
        role=spec.role,
        about=spec.about,
        late=spec.late,
        undo=spec.undo,
        result=_result(new.status) if new.status in FINAL else None,
        ready_at=None if new.status is TaskStatus.PENDING else at,
        traceparent=event.traceparent if event else None,
        causation_depth=event.causation_depth if event else 0,
        run_attempt=run.attempt,
    )


def _result(status: TaskStatus) -> TaskResult:
    return TaskResult(status, "done" if status is TaskStatus.COMPLETED else status)
