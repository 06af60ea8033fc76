"""The ledger of tasks in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from activity_core.adapters.memory.outbox import announce
from activity_core.adapters.memory.rows import TaskRow
from activity_core.adapters.memory.state import State, Tables
from activity_core.core.errors import NotFoundError
from activity_core.core.rules.late import LateWords
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.run import RunStatus
from activity_core.core.run.task import FINAL, TaskInstance, TaskResult, TaskStatus
from activity_core.ports.run_queue import Signal
from activity_core.ports.task_ledger import TaskState

_BEGINS = frozenset({TaskStatus.PENDING, TaskStatus.READY})


class MemoryTaskLedger:
    """See `ports.task_ledger.TaskLedger`."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def get(self, task_id: str) -> TaskInstance:
        """See `TaskLedger.get`."""
        return _row(self._state.tables, task_id).task

    async def begin(self, task_id: str, attempt: int, at: datetime) -> TaskInstance:
        """See `TaskLedger.begin`."""
        async with self._state.transaction() as tables:
            row = _row(tables, task_id)
            if row.task.status in FINAL:
                return row.task
            task = row.task
            if task.status in _BEGINS:
                task = replace(task, status=TaskStatus.RUNNING)
            tables.tasks[task_id] = replace(
                row, task=task, attempts=attempt, started_at=row.started_at or at
            )
            return task

    async def finish(
        self,
        task_id: str,
        result: TaskResult,
        at: datetime,
        announcements: Sequence[Announcement],
    ) -> TaskInstance:
        """See `TaskLedger.finish`."""
        async with self._state.transaction() as tables:
            row = _row(tables, task_id)
            if row.task.status in FINAL:
                return row.task
            task = replace(row.task, status=result.status, result=result)
            tables.tasks[task_id] = replace(row, task=task, finished_at=at)
            announce(self._state, tables, announcements, at)
            signal(self._state, tables, task)
            return task

    async def make_ready(self, task_ids: Sequence[str], at: datetime) -> None:
        """See `TaskLedger.make_ready`; the time is not kept here."""
        del at
        async with self._state.transaction() as tables:
            for task_id in task_ids:
                row = _row(tables, task_id)
                if row.task.status is TaskStatus.PENDING and row.task.kind is TaskKind.HUMAN:
                    task = replace(row.task, status=TaskStatus.READY)
                    tables.tasks[task_id] = replace(row, task=task)

    async def group(self, run_id: str, rule: str, item: int) -> Sequence[TaskInstance]:
        """See `TaskLedger.group`."""
        tasks = [row.task for _, row in sorted(self._state.tables.tasks.items())]
        return [
            task for task in tasks if (task.run_id, task.rule, task.item) == (run_id, rule, item)
        ]

    async def render(self, task_id: str, words: LateWords) -> TaskInstance:
        """See `TaskLedger.render`."""
        async with self._state.transaction() as tables:
            row = _row(tables, task_id)
            if row.task.status in FINAL or not row.task.late:
                return row.task
            task = replace(
                row.task,
                title=words.title,
                inputs=dict(words.inputs),
                assignee=words.assignee,
                groups=words.groups,
                clock=words.clock,
                late=False,
            )
            tables.tasks[task_id] = replace(row, task=task)
            return task

    async def states(self, run_id: str) -> Sequence[TaskState]:
        """See `TaskLedger.states`."""
        return [
            TaskState(task_id, row.task.status)
            for task_id, row in sorted(self._state.tables.tasks.items())
            if row.task.run_id == run_id
        ]


def _row(tables: Tables, task_id: str) -> TaskRow:
    row = tables.tasks.get(task_id)
    if row is None:
        raise NotFoundError("no such task", subject=f"task {task_id}")
    return row


def signal(state: State, tables: Tables, task: TaskInstance) -> None:
    """Wake the workflow of a human task's run, if that runs."""
    run = tables.runs[task.run_id]
    if task.kind is not TaskKind.HUMAN or run.status is not RunStatus.RUNNING:
        return
    if run.execution_id is not None:
        position = state.next_position()
        workflow_id = tables.executions[run.execution_id].workflow_id
        tables.pending_signals[position] = Signal(position, workflow_id)
