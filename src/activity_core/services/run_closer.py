"""The closer: ends a run whose tasks are over.

Called by `services.runner` when the workflow has nothing left to do for it. Tasks that still wait
for something that failed are skipped, many at a time; then the run ends by what became of all of
them (`core.run.closing`). Every write is idempotent, so doing it again finishes what was begun.
"""

from collections.abc import Sequence

from activity_core.core.run.announcing import RunVoice, task_ended
from activity_core.core.run.closing import ending_of
from activity_core.core.run.run import ClaimedRun, RunStatus
from activity_core.core.run.task import TaskInstance, TaskResult, TaskStatus
from activity_core.ports.clock import Clock
from activity_core.ports.run_ledger import RunLedger
from activity_core.ports.task_ledger import TaskLedger
from activity_core.services.catalogue import Catalogue

AT_ONCE = 500
"""Tasks that one transaction skips."""

BLOCKED = TaskResult(TaskStatus.SKIPPED, "skipped", comment="a task it needs did not succeed")


class RunCloser:
    """Closes runs of one tenant."""

    def __init__(
        self,
        ledger: RunLedger,
        tasks: TaskLedger,
        catalogue: Catalogue,
        clock: Clock,
        *,
        deployment: str,
    ) -> None:
        self._ledger = ledger
        self._tasks = tasks
        self._catalogue = catalogue
        self._clock = clock
        self._deployment = deployment

    async def close(self, run: ClaimedRun) -> RunStatus:
        """Skip what cannot be done any more and close the run; returns its status."""
        pending = [TaskStatus.PENDING]
        while left := await self._tasks.open_tasks(run.run_id, pending, AT_ONCE):
            await self._skip(run.run_id, left, run.attempt)
        definition = await self._catalogue.definition((run.definition_id, run.version))
        tallies = await self._tasks.tallies(run.run_id)
        status, failure = ending_of(definition, tallies, run.stop)
        now = self._clock.now()
        ended = RunVoice.of(run, self._deployment, now).ended(status, failure)
        await self._ledger.close(run.run_id, status, failure, now, [ended])
        return status

    async def skip(self, task_ids: Sequence[str], run_attempt: int) -> None:
        """Tasks of one run that can never start are over already."""
        if tasks := await self._tasks.some(task_ids):
            await self._skip(tasks[0].run_id, tasks, run_attempt)

    async def _skip(self, run_id: str, tasks: Sequence[TaskInstance], run_attempt: int) -> None:
        now = self._clock.now()
        said = {
            task.task_id: task_ended(
                task, BLOCKED, deployment=self._deployment, at=now, attempt=run_attempt
            )
            for task in tasks
        }
        await self._tasks.end(run_id, BLOCKED, now, said)
