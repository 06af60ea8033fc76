"""The ledger of tasks: performed by workers, completed by people.

`services.performer` (automated) and `services.task_inbox` (human) write it. Every write that ends
a task takes the lock of its run first, so that announcements leave in the order of commits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from activity_core.core.rules.late import LateWords
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.task import TaskInstance, TaskResult, TaskStatus


@dataclass(frozen=True, slots=True)
class TaskState:
    """A task's id and status, for whoever waits for it."""

    task_id: str
    status: TaskStatus


class TaskLedger(Protocol):
    """Tasks of one tenant."""

    async def get(self, task_id: str) -> TaskInstance:
        """One task.

        Raises:
            NotFoundError: no such task.
        """
        ...

    async def begin(self, task_id: str, attempt: int, at: datetime) -> TaskInstance:
        """An attempt starts: pending and ready tasks become running; final ones stay final.

        Raises:
            NotFoundError: no such task.
        """
        ...

    async def finish(
        self,
        task_id: str,
        result: TaskResult,
        at: datetime,
        announcements: Sequence[Announcement],
    ) -> TaskInstance:
        """End a task that is not final, with its announcements; signal its run if that waits.

        Waiting is a running run, for tasks of people; workers report by their own answer. A task
        that is final already is returned as it is stored, and nothing is written.

        Raises:
            NotFoundError: no such task.
        """
        ...

    async def make_ready(self, task_ids: Sequence[str], at: datetime) -> None:
        """What they needed is done: pending human tasks appear in the inbox; others stay."""
        ...

    async def group(self, run_id: str, rule: str, item: int) -> Sequence[TaskInstance]:
        """All tasks of one rule and item of a run, in whatever role, in order of task id."""
        ...

    async def render(self, task_id: str, words: LateWords) -> TaskInstance:
        """Keep the words of a late task, which then is late no more; its status stays.

        A task that is not late, or final, is returned as it is stored: the first words stay.

        Raises:
            NotFoundError: no such task.
        """
        ...

    async def states(self, run_id: str) -> Sequence[TaskState]:
        """All tasks of a run, in order of task id."""
        ...
