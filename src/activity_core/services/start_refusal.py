"""Start refusals: runs that Temporal will never start are closed as failed, and buried.

In: an execution of the starter, and Temporal's refusal. Out: failed runs with their announcement,
and a dead letter for each, whose replay is an operator's retry. Tasks that no run carries out fail
with their announcement. Doing it again changes nothing.
"""

import structlog

from activity_core.core import ids
from activity_core.core.jsontext import JsonValue, canonical_json
from activity_core.core.run.announcing import run_lost, task_ended
from activity_core.core.run.errors import StartRefusedError
from activity_core.core.run.run import ClaimedRun, Execution, RunFailure, RunStatus
from activity_core.core.run.task import TaskResult, TaskStatus
from activity_core.ports.clock import Clock
from activity_core.ports.dead_letters import DeadLetter, DeadLetters
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.run_ledger import RunLedger
from activity_core.ports.task_ledger import TaskLedger
from activity_core.services.metrics import DEAD_LETTERS, RUNS
from activity_core.services.performer import FAILED

log = structlog.get_logger(__name__)

VIA = "starter"


class StartRefusal:
    """Closes what cannot be started, for one tenant."""

    def __init__(
        self,
        ledger: RunLedger,
        tasks: TaskLedger,
        letters: DeadLetters,
        clock: Clock,
        doorbell: Doorbell,
        *,
        deployment: str,
    ) -> None:
        self._ledger = ledger
        self._tasks = tasks
        self._letters = letters
        self._clock = clock
        self._doorbell = doorbell
        self._deployment = deployment

    async def close(self, execution: Execution, error: StartRefusedError) -> None:
        """Bury and close all runs of an execution that are still open."""
        async with self._ledger.open(execution.execution_id, self._clock.now()) as opened:
            runs = opened.runs
        for run in runs:
            await self._bury(run, error)
            await self._fail(run, error)
        self._doorbell.ring(Topic.RELAY)

    async def fail_task(self, task_id: str, error: StartRefusedError) -> None:
        """A task that no run carries out is failed, unless it is over."""
        task, at = await self._tasks.get(task_id), self._clock.now()
        result = TaskResult(TaskStatus.FAILED, FAILED, error=str(error), error_type=error.code)
        ended = task_ended(
            task, result, deployment=self._deployment, at=at, attempt=task.run_attempt
        )
        await self._tasks.finish(task_id, result, at, [ended])
        log.error("task_refused", task_id=task_id, code=error.code, error=str(error))
        self._doorbell.ring(Topic.RELAY)

    async def _bury(self, run: ClaimedRun, error: StartRefusedError) -> None:
        about: dict[str, JsonValue] = {
            "run_id": run.run_id,
            "definition_id": run.definition_id,
            "version": run.version,
            "occurrence_key": run.occurrence.key,
        }
        await self._letters.bury(
            DeadLetter(
                dead_letter_id=ids.digest("start", run.run_id, str(run.attempt)).hex()[:32],
                via=VIA,
                run_id=run.run_id,
                subject=run.definition_id,
                code=error.code,
                message=str(error),
                headers={"content-type": "application/json"},
                body=canonical_json(about),
                buried_at=self._clock.now(),
            )
        )
        DEAD_LETTERS.labels(VIA, error.code).inc()

    async def _fail(self, run: ClaimedRun, error: StartRefusedError) -> None:
        failure = RunFailure(error.code, str(error))
        now = self._clock.now()
        announcement = run_lost(
            run.run_id,
            run.definition_id,
            failure,
            status=RunStatus.FAILED,
            attempt=run.attempt,
            deployment=self._deployment,
            at=now,
        )
        if await self._ledger.close(run.run_id, RunStatus.FAILED, failure, now, [announcement]):
            log.warning("start_refused", run_id=run.run_id, error=str(error))
            RUNS.labels(RunStatus.FAILED).inc()
