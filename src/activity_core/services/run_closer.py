"""The closer: ends a run whose tasks are over.

Called by `services.runner` when the workflow has nothing left to do for it. Tasks that still wait
for something that failed are skipped; then the run is completed, or failed if one of its tasks
failed. Every write is idempotent, so doing it again finishes what was begun.
"""

from collections.abc import Sequence

from activity_core.core.run.announcing import RunVoice, task_ended
from activity_core.core.run.run import ClaimedRun, RunFailure, RunStatus
from activity_core.core.run.task import TaskResult, TaskStatus
from activity_core.ports.clock import Clock
from activity_core.ports.run_ledger import RunLedger
from activity_core.ports.task_ledger import TaskLedger

MOST_NAMED = 3
"""How many failed tasks the failure of a run names."""

_FAILURES = frozenset({TaskStatus.FAILED, TaskStatus.EXPIRED})


class RunCloser:
    """Closes runs of one tenant."""

    def __init__(
        self, ledger: RunLedger, tasks: TaskLedger, clock: Clock, *, deployment: str
    ) -> None:
        self._ledger = ledger
        self._tasks = tasks
        self._clock = clock
        self._deployment = deployment

    async def close(self, run: ClaimedRun) -> RunStatus:
        """Skip what cannot be done any more and close the run; returns its status."""
        states = await self._tasks.states(run.run_id)
        for state in states:
            if state.status is TaskStatus.PENDING:
                await self._skip(run, state.task_id)
        failure = _failure([state.task_id for state in states if state.status in _FAILURES])
        status = RunStatus.FAILED if failure else RunStatus.COMPLETED
        now = self._clock.now()
        ended = RunVoice.of(run, self._deployment, now).ended(status, failure)
        await self._ledger.close(run.run_id, status, failure, now, [ended])
        return status

    async def _skip(self, run: ClaimedRun, task_id: str) -> None:
        task = await self._tasks.get(task_id)
        result = TaskResult(
            TaskStatus.SKIPPED, "skipped", comment="a task it needs did not succeed"
        )
        now = self._clock.now()
        ended = task_ended(task, result, deployment=self._deployment, at=now, attempt=run.attempt)
        await self._tasks.finish(task_id, result, now, [ended])


def _failure(task_ids: Sequence[str]) -> RunFailure | None:
    if not task_ids:
        return None
    named = ", ".join(task_ids[:MOST_NAMED])
    more = f" and {len(task_ids) - MOST_NAMED} more" if len(task_ids) > MOST_NAMED else ""
    return RunFailure("task_failed", f"not successful: {named}{more}")
