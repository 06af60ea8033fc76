"""The run auditor: closes what nobody else will.

In: runs that have been open for a while. It asks Temporal what became of their workflows: a run
whose workflow ended without recording its end is closed as failed, a workflow that never got
there is started again, and the others are well.
"""

import asyncio
from datetime import timedelta

import structlog

from activity_core.core import ids
from activity_core.core.run.announcing import run_lost
from activity_core.core.run.run import RunFailure, RunStatus
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.engine import Engine, WorkflowState
from activity_core.ports.run_ledger import RunLedger
from activity_core.ports.run_queue import OpenRun, RunQueue
from activity_core.services.loop import repeat
from activity_core.services.metrics import RUNS

PERIOD = 15.0
"""Seconds between looks when there is nothing to look at."""

BATCH = 100
UNTOUCHED = timedelta(minutes=2)
"""An open run is looked at this often."""

VERDICTS = {
    WorkflowState.TERMINATED: RunFailure(
        "workflow_terminated", "its workflow was terminated on Temporal"
    ),
    WorkflowState.TIMED_OUT: RunFailure("workflow_timed_out", "its workflow timed out on Temporal"),
    WorkflowState.FAILED: RunFailure("workflow_failed", "its workflow failed on Temporal"),
    WorkflowState.CANCELLED: RunFailure(
        "workflow_cancelled", "its workflow was cancelled on Temporal"
    ),
    WorkflowState.COMPLETED: RunFailure(
        "workflow_lost", "its workflow is over, yet its end is not recorded"
    ),
    WorkflowState.ABSENT: RunFailure("workflow_lost", "Temporal does not know its workflow"),
}

_log = structlog.get_logger(__name__)


class RunAuditor:
    """Open runs of one tenant; several auditors do no harm to each other."""

    def __init__(
        self,
        queue: RunQueue,
        ledger: RunLedger,
        engine: Engine,
        clock: Clock,
        doorbell: Doorbell,
        *,
        deployment: str,
    ) -> None:
        self._queue = queue
        self._ledger = ledger
        self._engine = engine
        self._clock = clock
        self._doorbell = doorbell
        self._deployment = deployment

    async def run(self) -> None:
        """Audit until cancelled."""
        await repeat("run_auditor", self.step, asyncio.sleep, period=PERIOD)

    async def step(self) -> bool:
        """Audit the runs that were longest not looked at; True if there may be more."""
        before = self._clock.now() - UNTOUCHED
        open_runs = await self._queue.open_runs(BATCH, untouched_since=before)
        well = [run.run_id for run in open_runs if await self._is_well(run)]
        await self._queue.touch(well, self._clock.now())
        return len(open_runs) == BATCH

    async def _is_well(self, run: OpenRun) -> bool:
        state = await self._engine.state(run.workflow_id)
        if state is WorkflowState.RUNNING:
            return True
        if state is WorkflowState.ABSENT and run.status is RunStatus.PENDING:
            _log.warning("run_restarted", run_id=run.run_id, workflow_id=run.workflow_id)
            await self._queue.restart(run.run_id, self._clock.now())
            self._doorbell.ring(Topic.STARTER)
            return True
        await self._close(run, state)
        return False

    async def _close(self, run: OpenRun, state: WorkflowState) -> None:
        failure = VERDICTS[state]
        cancelled = state is WorkflowState.CANCELLED
        status = RunStatus.CANCELLED if cancelled else RunStatus.FAILED
        now = self._clock.now()
        announcement = run_lost(
            run.run_id,
            run.definition_id,
            failure,
            status=status,
            attempt=ids.attempt_of_workflow(run.workflow_id),
            deployment=self._deployment,
            at=now,
        )
        kept = None if cancelled else failure
        if await self._ledger.close(run.run_id, status, kept, now, [announcement]):
            _log.warning("run_closed_by_auditor", run_id=run.run_id, code=failure.code)
            RUNS.labels(status).inc()
            self._doorbell.ring(Topic.RELAY)
