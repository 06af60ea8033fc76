"""The performer: one attempt of one automated task, and what is said about it.

Called by Temporal activities. A task's success is recorded here, its failure only when the
workflow knows that nobody tries again (`fail`): so it is recorded once, even when a worker dies
in the last attempt. Every write is idempotent: a task that is final stays as it is, and the answer
is what is stored.
"""

from collections.abc import Mapping, Sequence

from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run import announcing
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.errors import TaskFailedError
from activity_core.core.run.progress import TaskEnd
from activity_core.core.run.task import FINAL, TaskInstance, TaskResult, TaskStatus
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.task_ledger import Finish, TaskLedger
from activity_core.ports.task_performer import Attempt, Performed, TaskPerformer
from activity_core.services.group_commit import GroupCommit
from activity_core.services.relief import relieved
from activity_core.services.task_preparer import TaskPreparer

DONE = "done"
"""The outcome of an automated task that succeeded; `failed` of one that did not."""
FAILED = "failed"

AT_ONCE = 50
"""Tasks whose ends share a transaction at most."""


class Performer:
    """Automated tasks of one tenant."""

    def __init__(
        self,
        tasks: TaskLedger,
        preparer: TaskPreparer,
        performers: Mapping[TaskKind, TaskPerformer],
        clock: Clock,
        doorbell: Doorbell,
        *,
        deployment: str,
    ) -> None:
        self._tasks = tasks
        self._preparer = preparer
        self._performers = performers
        self._clock = clock
        self._doorbell = doorbell
        self._deployment = deployment
        # All ends of a run wait for its lock: those that come meanwhile share the next transaction.
        self._finishes: GroupCommit[Finish, TaskInstance] = GroupCommit(
            tasks.finish_all, max_items=AT_ONCE
        )

    async def perform(self, task_id: str, attempt: Attempt, *, run_attempt: int = 1) -> TaskEnd:
        """Do it, unless it is over already or its other side was asked before.

        Raises:
            TaskFailedError: it did not succeed; the task stays open for another attempt.
            UnavailableError: the ledger cannot be reached.
        """
        task = await self.begin(task_id, attempt.number, run_attempt)
        if task.status in FINAL or task.waits_until is not None:
            return self._end(task)
        performed, events = await self._perform(task, attempt)
        if performed.waits is not None:
            until = self._clock.now() + performed.waits
            return self._end(await self._tasks.wait(task_id, until))
        return await self.finish(
            task, TaskResult(TaskStatus.COMPLETED, DONE, performed.outputs), run_attempt, events
        )

    async def begin(self, task_id: str, attempt: int, run_attempt: int) -> TaskInstance:
        """A task whose turn has come, with its words; see `prepare`."""
        task = await self._tasks.begin(task_id, attempt, self._clock.now())
        return task if task.status in FINAL else await self.prepare(task, run_attempt)

    async def prepare(self, task: TaskInstance, run_attempt: int) -> TaskInstance:
        """The task with its words. It is over if it turns out not to be wanted, or cannot be told.

        Raises:
            UnavailableError: the ledger cannot be reached.
        """
        try:
            return await self._preparer.prepared(task)
        except TaskFailedError as error:
            if error.retryable:
                raise
            await self.fail(task.task_id, run_attempt, str(error), error.type)
            return await self._tasks.get(task.task_id)

    async def fail(
        self, task_id: str, run_attempt: int, message: str, error_type: str = ""
    ) -> TaskEnd:
        """Nobody tries again."""
        task = await self._tasks.get(task_id)
        result = TaskResult(TaskStatus.FAILED, FAILED, error=message, error_type=error_type)
        return await self.finish(task, result, run_attempt)

    async def finish(
        self,
        task: TaskInstance,
        result: TaskResult,
        run_attempt: int,
        events: Sequence[Announcement] = (),
    ) -> TaskEnd:
        """Record how a task ended, after the events that it is for; unless it is over already."""
        if task.status in FINAL:
            return self._end(task)
        at = self._clock.now()
        ended = announcing.task_ended(
            task, result, deployment=self._deployment, at=at, attempt=run_attempt
        )
        finish = Finish(task.task_id, result, at, [*events, ended])
        finish = await relieved(self._tasks, task, finish, deployment=self._deployment)
        [stored] = await self._finishes.submit([finish])
        self._doorbell.ring(Topic.RELAY)
        return self._end(stored)

    async def _perform(
        self, task: TaskInstance, attempt: Attempt
    ) -> tuple[Performed, Sequence[Announcement]]:
        if task.kind is TaskKind.EMIT:  # its whole work is in the transaction that finishes it
            at = self._clock.now()
            return Performed(), [announcing.emitted(task, deployment=self._deployment, at=at)]
        performer = self._performers.get(task.kind)
        if performer is None:
            raise TaskFailedError(
                f"nobody performs {task.kind} tasks here",
                subject=f"task {task.task_id}",
                retryable=False,
            )
        return await performer.perform(task, attempt), ()

    def _end(self, task: TaskInstance) -> TaskEnd:
        if task.waits_until is None or task.status in FINAL:
            return TaskEnd(task.status, task.result.outcome if task.result else "")
        left = task.waits_until - self._clock.now()
        return TaskEnd(task.status, wait_seconds=max(left.total_seconds(), 0.0))
