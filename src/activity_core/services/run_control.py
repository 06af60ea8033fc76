"""Control of runs: what operators do to one, with who and why on record.

In: a run or a task, an actor and a reason, from the API. Out: the run's new state, what is
announced about it and a line in its log, in one transaction; then rings, so that the starter tells
its workflow and starts what is to start.
"""

from datetime import datetime

from activity_core.core.errors import ConflictError
from activity_core.core.run.announcing import task_ended
from activity_core.core.run.ending import said_by, told_of_end
from activity_core.core.run.run import COMPENSATE, OPEN, PendingRun, RunStatus
from activity_core.core.run.task import FINAL, NOT_WANTED, TaskInstance, TaskResult, TaskStatus
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.run_control import HeldRun, RunAction, RunControl, RunLine, RunStanding
from activity_core.ports.run_queue import SignalKind
from activity_core.ports.task_ledger import TaskLedger
from activity_core.services.metrics import RUNS

_FAILED = frozenset({TaskStatus.FAILED, TaskStatus.EXPIRED})


class RunDesk:
    """Runs of one deployment.

    Whatever is so already is left as it is, without another line. All of it raises NotFoundError
    (no such run or task) and ConflictError (its state does not allow it).
    """

    def __init__(
        self,
        control: RunControl,
        tasks: TaskLedger,
        clock: Clock,
        doorbell: Doorbell,
        *,
        deployment: str,
    ) -> None:
        self._control = control
        self._tasks = tasks
        self._clock = clock
        self._doorbell = doorbell
        self._deployment = deployment

    async def cancel(
        self, run_id: str, actor: str, reason: str = "", *, at_once: bool = False
    ) -> None:
        """End an open run: its open tasks are cancelled, what is done stays done.

        `at_once`: its workflow is terminated, without a last word.
        """
        action = RunAction.TERMINATED if at_once else RunAction.CANCELLED
        kind = SignalKind.TERMINATE if at_once else SignalKind.CANCEL
        async with self._control.hold(run_id) as held:
            if held.run.status is RunStatus.CANCELLED:
                return
            _refuse_unless_open(held.run)
            at = self._clock.now()
            ending, work = said_by(actor, reason, verb=action.value), await held.work()
            told = told_of_end(work, ending, deployment=self._deployment, at=at)
            await held.end(ending, kind, told, at)
            await held.note(RunLine(action, actor, reason), at)
        RUNS.labels(RunStatus.CANCELLED).inc()
        self._ring()

    async def compensate(self, run_id: str, actor: str, reason: str = "") -> None:
        """Have an open run undo what it did and end; there is nothing to undo before it decided."""
        async with self._control.hold(run_id) as held:
            if held.run.stop == COMPENSATE:
                return
            _refuse_unless_open(held.run)
            if not held.run.recorded or held.run.status is not RunStatus.RUNNING:
                raise ConflictError(
                    "there is nothing to compensate: it has done nothing yet",
                    subject=f"run {run_id}",
                    hint="cancel it without compensation",
                )
            await held.compensate()
            await held.note(RunLine(RunAction.COMPENSATING, actor, reason), self._clock.now())
        self._ring()

    async def retry(self, run_id: str, actor: str, reason: str = "") -> PendingRun:
        """Let a failed run go on, on the version it pinned; tasks that are done stay done."""
        async with self._control.hold(run_id) as held:
            _refuse_unless_failed(held.run)
            at = self._clock.now()
            pending = await held.retry(at)
            await held.note(RunLine(RunAction.RETRIED, actor, reason), at)
        self._doorbell.ring(Topic.STARTER)
        return pending

    async def skip(self, task_id: str, actor: str, reason: str = "") -> None:
        """Skip a task that is open, or failed in a run that failed: what needs it goes on."""
        run_id = (await self._tasks.get(task_id)).run_id
        async with self._control.hold(run_id) as held:
            task = await held.task(task_id)
            if task.result is not None and task.result.outcome == NOT_WANTED:
                return
            _refuse_unless_skippable(held.run, task)
            await self._skip(held, task, actor, reason, self._clock.now())
        self._ring()

    async def _skip(
        self, held: HeldRun, task: TaskInstance, actor: str, reason: str, at: datetime
    ) -> None:
        why = f"skipped by {actor}" + (f": {reason}" if reason else "")
        result = TaskResult(TaskStatus.SKIPPED, NOT_WANTED, comment=why, by=actor)
        told = task_ended(
            task, result, deployment=self._deployment, at=at, attempt=held.run.attempt
        )
        await held.skip(task.task_id, result, [told], at)
        line = RunLine(RunAction.TASK_SKIPPED, actor, reason, about=task.task_id)
        await held.note(line, at)

    def _ring(self) -> None:
        self._doorbell.ring(Topic.STARTER)
        self._doorbell.ring(Topic.RELAY)


def _refuse_unless_open(run: RunStanding) -> None:
    if run.status not in OPEN:
        raise ConflictError(
            f"it is {run.status}", subject=f"run {run.run_id}", hint="only open runs are ended"
        )


def _refuse_unless_failed(run: RunStanding) -> None:
    if run.status is not RunStatus.FAILED:
        raise ConflictError(
            f"it is {run.status}", subject=f"run {run.run_id}", hint="only failed runs are retried"
        )


def _refuse_unless_skippable(run: RunStanding, task: TaskInstance) -> None:
    if task.status not in FINAL or (task.status in _FAILED and run.status is RunStatus.FAILED):
        return
    hint = "only tasks that are open, or failed in a failed run, are skipped"
    if task.status in _FAILED and run.status in OPEN:
        hint = "its run is open still: skip it when that has failed, then retry the run"
    raise ConflictError(f"it is {task.status}", subject=f"task {task.task_id}", hint=hint)
