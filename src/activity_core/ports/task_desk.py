"""The desk of human tasks: one task under lock, changed by people and by time.

`services.task_inbox` (people) and `services.task_keeper` (time) write it. What changes, its line in
the log, what is announced and the doorbell of its run are one transaction.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from activity_core.core.human.log import LogEntry
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.task import NewTask, TaskInstance

MOST_LINES = 1_000
"""Lines of a task's log that are read at once, unless fewer are wanted."""


class OpenTask(Protocol):
    """A task that nobody else changes, for one transaction; not necessarily a person's."""

    @property
    def task(self) -> TaskInstance:
        """As it is stored."""
        ...

    @property
    def group(self) -> Sequence[TaskInstance]:
        """All tasks of its run, rule and item, itself among them, by id."""
        ...

    async def write(
        self,
        task: TaskInstance,
        entry: LogEntry,
        announcements: Sequence[Announcement],
        *,
        added: Sequence[NewTask] = (),
    ) -> None:
        """Its new state and the line that tells of it, at `entry.at`.

        Kept of the state: status, assignee, groups, clock, claimed_by, revision, result. If it is
        final, the workflow of its run is woken unless the run is over. `added` are tasks that no
        run carries out (notifications), of the same run: they are recorded (one that was recorded
        before stays as it is) and wait for the starter.
        """
        ...


class TaskDesk(Protocol):
    """Human tasks of one tenant."""

    def open(self, task_id: str) -> AbstractAsyncContextManager[OpenTask]:
        """Lock its run, then the task.

        Leaving normally commits, leaving with an exception rolls back.

        Raises:
            NotFoundError: no such task.
        """
        ...

    async def log(self, task_id: str, limit: int = MOST_LINES) -> Sequence[LogEntry]:
        """The newest `limit` lines about what was done to it, oldest of them first.

        Raises:
            NotFoundError: no such task.
        """
        ...

    async def due(self, limit: int, at: datetime) -> Sequence[str]:
        """Ids of tasks whose `wake_at` has come, the longest waiting first."""
        ...

    async def put_off(self, task_id: str, at: datetime, until: datetime) -> None:
        """Nothing came of it: if it is due at `at`, it is due at `until`, and others go first."""
        ...
