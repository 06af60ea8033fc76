"""The ledger of tasks: performed by workers, called by workflows, ended also from outside.

`services.performer`, `task_caller`, `compensator` and `run_closer` write it; what people do goes by
the desk (`ports.task_desk`). Every write that ends or adds tasks takes the lock of their run first,
so that announcements leave in the order of commits. A group is all tasks of one rule and item.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from activity_core.core.rules.late import LateWords
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.tally import Tally
from activity_core.core.run.task import NewTask, TaskClock, TaskInstance, TaskResult, TaskStatus


@dataclass(frozen=True, slots=True)
class Finish:
    """A task ends: how, when, and what is said about it.

    `ring` wakes the workflow of its run, if that is running: it does not know otherwise. `also` is
    another task of its run, which nobody needs to do any more: it ends only if this one does.
    """

    task_id: str
    result: TaskResult
    at: datetime
    announcements: Sequence[Announcement] = ()
    ring: bool = False
    also: "Finish | None" = None

    @property
    def all(self) -> Sequence["Finish"]:
        """It, and what ends with it."""
        return [self, *self.also.all] if self.also else [self]


@dataclass(frozen=True, slots=True)
class TaskState:
    """A task's id and status, for whoever waits for it; the outcome is empty until it is final."""

    task_id: str
    status: TaskStatus
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class RunStates:
    """Some tasks of a run, in order of task id; and what the run is asked to do, if anything."""

    tasks: Sequence[TaskState] = ()
    stop: str = ""


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

    async def wait(self, task_id: str, until: datetime) -> TaskInstance:
        """The other side of a running task answers later; how long it may take stays as it is set.

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
        *,
        ring: bool = False,
    ) -> TaskInstance:
        """One of `finish_all`.

        Raises:
            NotFoundError: no such task.
        """
        ...

    async def finish_all(self, finishes: Sequence[Finish]) -> Sequence[TaskInstance]:
        """End those of these tasks that are not final, in this order, with their announcements.

        They may be of several runs, and are answered in this order. A task that is final already
        is answered as it is stored, and nothing of it is written. A compensation that is completed
        turns the task that it is about from completed to compensated.

        Raises:
            NotFoundError: one of them is not there; none is ended.
        """
        ...

    async def end(
        self,
        run_id: str,
        result: TaskResult,
        at: datetime,
        announcements: Mapping[str, Announcement],
        *,
        ring: bool = False,
    ) -> Sequence[str]:
        """End those of a run's tasks that are not final yet, all in the same way.

        `announcements` are what is said by task id; said is what is about those that were ended,
        whose ids come back in the same order. `ring` as for `finish`, if any was.
        """
        ...

    async def add(
        self,
        run_id: str,
        tasks: Sequence[NewTask],
        announcements: Sequence[Announcement],
        at: datetime,
    ) -> None:
        """Record more tasks that a recorded run carries out, or people.

        One that is there already stays as it is, and so does what was announced of it.

        Raises:
            NotFoundError: no such run.
        """
        ...

    async def make_ready(
        self,
        clocks: Mapping[str, TaskClock],
        at: datetime,
        added: Sequence[NewTask] = (),
        announcements: Sequence[Announcement] = (),
    ) -> None:
        """What they needed is over: pending human tasks appear in the inbox with their clocks.

        Others stay as they are. `added` are the notifications that tell of it, and of the same run:
        one that is there already stays, others wait for the starter and are announced.
        """
        ...

    async def group(self, run_id: str, rule: str, item: int) -> Sequence[TaskInstance]:
        """All tasks of one rule and item of a run, in whatever role, in order of task id."""
        ...

    async def some(self, task_ids: Sequence[str]) -> Sequence[TaskInstance]:
        """Those of these tasks that there are, in order of task id."""
        ...

    async def window(self, run_id: str, after: str, limit: int) -> Sequence[TaskInstance]:
        """All tasks (but notifications) of the next groups of which something is left.

        Groups are in order of rule (by code points) and item, their tasks in order of id; the last
        group is whole even if that makes more than `limit` tasks. `after` is a group, as
        `core.run.window.group_of` spells it; empty: from the first one on.

        Something is left while a task is open that machines do, that people do not see yet, or that
        the run waits for; while what could be undone is not, although a task failed; and of a run
        that is to stop, also while any other task is open or could be undone.
        """
        ...

    async def open_tasks(
        self, run_id: str, statuses: Sequence[TaskStatus], limit: int
    ) -> Sequence[TaskInstance]:
        """The first tasks of a run that have one of these statuses, by rule and item."""
        ...

    async def render(self, task_id: str, words: LateWords) -> TaskInstance:
        """Keep the words of a late task, which then is late no more; its status stays.

        A task that is not late, or final, is returned as it is stored: the first words stay.

        Raises:
            NotFoundError: no such task.
        """
        ...

    async def states(self, run_id: str, task_ids: Sequence[str]) -> RunStates:
        """What became of some tasks of a run."""
        ...

    async def tallies(self, run_id: str) -> Sequence[Tally]:
        """Tasks and compensations of a run that failed, expired or were compensated, counted."""
        ...
