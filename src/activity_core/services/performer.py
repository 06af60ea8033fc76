"""The performer: one attempt of one automated task, and what is said about it.

Called by Temporal activities. A task's success is recorded here, its failure only when the
workflow knows that nobody tries again (`fail`): so it is recorded once, even when a worker dies
in the last attempt. Every write is idempotent: a task that is final stays as it is.
"""

from collections.abc import Mapping, Sequence

from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run import announcing
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.errors import TaskFailedError
from activity_core.core.run.task import FINAL, TaskInstance, TaskResult, TaskStatus
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.task_ledger import TaskLedger
from activity_core.ports.task_performer import TaskPerformer

DONE = "done"
"""The outcome of an automated task that succeeded; `failed` of one that did not."""
FAILED = "failed"


class Performer:
    """Automated tasks of one tenant."""

    def __init__(
        self,
        tasks: TaskLedger,
        performers: Mapping[TaskKind, TaskPerformer],
        clock: Clock,
        doorbell: Doorbell,
        *,
        deployment: str,
    ) -> None:
        self._tasks = tasks
        self._performers = performers
        self._clock = clock
        self._doorbell = doorbell
        self._deployment = deployment

    async def perform(self, task_id: str, attempt: int, *, run_attempt: int = 1) -> None:
        """Do it, unless it is final already. `attempt` counts the tries, `run_attempt` the runs.

        Raises:
            TaskFailedError: it did not succeed; the task stays open for another attempt.
            UnavailableError: the ledger cannot be reached.
        """
        task = await self._tasks.begin(task_id, attempt, self._clock.now())
        if task.status in FINAL:
            return
        outputs, events = await self._outputs(task)
        result = TaskResult(TaskStatus.COMPLETED, DONE, outputs)
        await self._finish(task, result, run_attempt, events)

    async def fail(self, task_id: str, run_attempt: int, message: str) -> None:
        """Nobody tries again."""
        task = await self._tasks.get(task_id)
        if task.status not in FINAL:
            result = TaskResult(TaskStatus.FAILED, FAILED, error=message)
            await self._finish(task, result, run_attempt)

    async def make_ready(self, task_ids: Sequence[str]) -> None:
        """What these tasks needed is done: people may see them."""
        await self._tasks.make_ready(task_ids, self._clock.now())

    async def final(self, run_id: str) -> dict[str, str]:
        """The final tasks of a run, with their status."""
        states = await self._tasks.states(run_id)
        return {state.task_id: state.status for state in states if state.status in FINAL}

    async def _outputs(self, task: TaskInstance) -> tuple[JsonValue, Sequence[Announcement]]:
        if task.kind is TaskKind.EMIT:  # its whole work is in the transaction that finishes it
            at = self._clock.now()
            return None, [announcing.emitted(task, deployment=self._deployment, at=at)]
        performer = self._performers.get(task.kind)
        if performer is None:
            raise TaskFailedError(
                f"nobody performs {task.kind} tasks here",
                subject=f"task {task.task_id}",
                retryable=False,
            )
        return await performer.perform(task), ()

    async def _finish(
        self,
        task: TaskInstance,
        result: TaskResult,
        run_attempt: int,
        events: Sequence[Announcement] = (),
    ) -> None:
        at = self._clock.now()
        ended = announcing.task_ended(
            task, result, deployment=self._deployment, at=at, attempt=run_attempt
        )
        await self._tasks.finish(task.task_id, result, at, [*events, ended])
        self._doorbell.ring(Topic.RELAY)
