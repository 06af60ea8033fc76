"""Rows of tasks in memory: what may be written over what, and questions about many of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from activity_core.adapters.memory.rows import TaskRow
from activity_core.adapters.memory.state import Tables
from activity_core.core.errors import NotFoundError, RejectedError
from activity_core.core.human.log import ended
from activity_core.core.rules.task_spec import TaskKind, TaskRole
from activity_core.core.run.tally import MOST_NAMED, Tally
from activity_core.core.run.task import FINAL, MOVES, TaskInstance, TaskResult, TaskStatus

_COUNTED = frozenset({TaskStatus.FAILED, TaskStatus.EXPIRED, TaskStatus.COMPENSATED})
_ROLES = frozenset({TaskRole.TASK, TaskRole.COMPENSATION})


def task_row(tables: Tables, task_id: str) -> TaskRow:
    """The row of a task.

    Raises:
        NotFoundError: no such task.
    """
    row = tables.tasks.get(task_id)
    if row is None:
        raise NotFoundError("no such task", subject=f"task {task_id}")
    return row


def instance(row: TaskRow) -> TaskInstance:
    """The task with the time of its end."""
    task, result = row.task, row.task.result
    if result and result.status is not task.status:  # what was undone ended otherwise before
        result = replace(result, status=task.status)
    return replace(task, result=result, finished_at=row.finished_at)


def store(tables: Tables, row: TaskRow) -> None:
    """Write a row over what is stored of its task.

    Raises:
        RejectedError: its status may not follow the stored one.
    """
    old, new = tables.tasks[row.task.task_id].task.status, row.task.status
    if old is not new and new not in MOVES[old]:
        raise RejectedError(f"task {row.task.task_id} cannot become {new} from {old}")
    tables.tasks[row.task.task_id] = row


def end(tables: Tables, row: TaskRow, result: TaskResult, at: datetime) -> None:
    """A task is over. Its log says so if it is a person's; what it undid is undone."""
    is_human = row.task.kind is TaskKind.HUMAN
    task = replace(
        row.task,
        status=result.status,
        result=result,
        clock=replace(row.task.clock, wake_at=None),
        revision=row.task.revision + is_human,
    )
    store(tables, replace(row, task=task, finished_at=at))
    if is_human:
        log = tables.task_log.get(task.task_id, ())
        tables.task_log[task.task_id] = (*log, ended(result, at))
    undoes = task.role is TaskRole.COMPENSATION and task.status is TaskStatus.COMPLETED
    about = tables.tasks.get(task.about or "") if undoes else None
    if about and about.task.status is TaskStatus.COMPLETED:
        undone = replace(about.task, status=TaskStatus.COMPENSATED)
        store(tables, replace(about, task=undone))


def is_left(group: Sequence[TaskInstance], stop: str) -> bool:
    """Whether anything is left of a group, see `TaskLedger.window`."""
    if any(_is_left(task, stop) for task in group):
        return True
    failed = any(task.status in {TaskStatus.FAILED, TaskStatus.EXPIRED} for task in group)
    could_be_undone = any(task.undo and task.status is TaskStatus.COMPLETED for task in group)
    undone = any(task.role is TaskRole.COMPENSATION for task in group)
    return bool(stop or failed) and could_be_undone and not undone


def _is_left(task: TaskInstance, stop: str) -> bool:
    if task.status in FINAL or task.role is TaskRole.HELP:
        return False
    hidden = task.status is TaskStatus.PENDING
    return task.kind is not TaskKind.HUMAN or hidden or task.wait or bool(stop)


def tallied(tasks: Sequence[TaskInstance]) -> list[Tally]:
    """See `TaskLedger.tallies`; the tasks are all those of a run."""
    undone = {(task.rule, task.item) for task in tasks if task.role is TaskRole.COMPENSATION}
    found: dict[tuple[str, str, TaskRole, TaskStatus, str, bool], Tally] = {}
    for task in sorted(tasks, key=lambda task: (task.rule, task.spec_id, task.item)):
        result = task.result
        if result is None or task.status not in _COUNTED or task.role not in _ROLES:
            continue
        key = (
            task.rule,
            task.spec_id,
            task.role,
            task.status,
            result.outcome,
            (task.rule, task.item) in undone,
        )
        before = found.get(key, Tally(*key, count=0))
        some = [*before.some, task.task_id][:MOST_NAMED]
        found[key] = replace(before, count=before.count + 1, some=some)
    return [tally for _, tally in sorted(found.items())]
