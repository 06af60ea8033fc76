"""The desk of human tasks in memory: an open task keeps every other writer waiting."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import datetime

from activity_core.adapters.memory.new_tasks import insert_waiting
from activity_core.adapters.memory.outbox import announce
from activity_core.adapters.memory.state import State, Tables
from activity_core.adapters.memory.task_ledger import signal
from activity_core.adapters.memory.task_rows import store, task_row
from activity_core.core.human.log import LogEntry
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.task import FINAL, NewTask, TaskInstance
from activity_core.ports.task_desk import MOST_LINES, OpenTask


class MemoryOpenTask:
    """See `ports.task_desk.OpenTask`."""

    def __init__(self, state: State, tables: Tables, task: TaskInstance) -> None:
        self._state = state
        self._tables = tables
        self.task = task

    @property
    def group(self) -> Sequence[TaskInstance]:
        """See `OpenTask.group`."""
        mine = (self.task.run_id, self.task.rule, self.task.item)
        return [
            row.task
            for _, row in sorted(self._tables.tasks.items())
            if (row.task.run_id, row.task.rule, row.task.item) == mine
        ]

    async def write(
        self,
        task: TaskInstance,
        entry: LogEntry,
        announcements: Sequence[Announcement],
        *,
        added: Sequence[NewTask] = (),
    ) -> None:
        """See `OpenTask.write`."""
        tables, row = self._tables, self._tables.tasks[task.task_id]
        over = entry.at if task.status in FINAL else None
        store(tables, replace(row, task=task, finished_at=row.finished_at or over))
        tables.task_log[task.task_id] = (*tables.task_log.get(task.task_id, ()), entry)
        if over and self.task.status not in FINAL:
            signal(self._state, tables, task)
        insert_waiting(self._state, tables, task.run_id, added, entry.at)
        announce(self._state, tables, announcements, entry.at)


class MemoryTaskDesk:
    """See `ports.task_desk.TaskDesk`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def open(self, task_id: str) -> AbstractAsyncContextManager[OpenTask]:
        """See `TaskDesk.open`."""
        return self._open(task_id)

    @asynccontextmanager
    async def _open(self, task_id: str) -> AsyncIterator[OpenTask]:
        async with self._state.transaction() as tables:
            yield MemoryOpenTask(self._state, tables, task_row(tables, task_id).task)

    async def log(self, task_id: str, limit: int = MOST_LINES) -> Sequence[LogEntry]:
        """See `TaskDesk.log`."""
        task_row(self._state.tables, task_id)
        return self._state.tables.task_log.get(task_id, ())[-limit:]

    async def due(self, limit: int, at: datetime) -> Sequence[str]:
        """See `TaskDesk.due`."""
        waking = [
            (row.task.clock.wake_at, task_id)
            for task_id, row in self._state.tables.tasks.items()
            if row.task.status not in FINAL
            and row.task.clock.wake_at is not None
            and row.task.clock.wake_at <= at
        ]
        return [task_id for _, task_id in sorted(waking)[:limit]]

    async def put_off(self, task_id: str, at: datetime, until: datetime) -> None:
        """See `TaskDesk.put_off`."""
        async with self._state.transaction() as tables:
            row = tables.tasks.get(task_id)
            wake_at = row.task.clock.wake_at if row else None
            if row and wake_at is not None and wake_at <= at:
                clock = replace(row.task.clock, wake_at=until)
                store(tables, replace(row, task=replace(row.task, clock=clock)))
