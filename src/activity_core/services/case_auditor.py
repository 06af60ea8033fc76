"""The case auditor: an open case has a workflow, whatever somebody did to it on Temporal.

In: cases that nobody looked at for a while. A workflow that was terminated, failed or lost is
started again by a doorbell: what the case remembers is in its row.
"""

import asyncio
from datetime import timedelta

import structlog

from activity_core.ports.cases import CaseStore
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.engine import Engine, WorkflowState
from activity_core.services.loop import repeat

PERIOD = 15.0
"""Seconds between looks when there is nothing to look at."""
BATCH = 100
UNTOUCHED = timedelta(minutes=2)
"""An open case is looked at this often."""

_log = structlog.get_logger(__name__)


class CaseAuditor:
    """Open cases of one tenant; several auditors do no harm to each other."""

    def __init__(self, cases: CaseStore, engine: Engine, clock: Clock, doorbell: Doorbell) -> None:
        self._cases = cases
        self._engine = engine
        self._clock = clock
        self._doorbell = doorbell

    async def run(self) -> None:
        """Audit until cancelled."""
        await repeat("case_auditor", self.step, asyncio.sleep, period=PERIOD)

    async def step(self) -> bool:
        """Audit the cases that were longest not looked at; True if there may be more."""
        cases = await self._cases.untouched(BATCH, self._clock.now() - UNTOUCHED)
        well, lost = [], []
        for case in cases:
            state = await self._engine.state(case.workflow_id)
            if state is WorkflowState.RUNNING:
                well.append(case.case_id)
                continue
            _log.warning("case_restarted", case_id=case.case_id, was=state.value)
            lost.append(case.case_id)
        await self._cases.touch(well, lost, self._clock.now())
        if lost:
            self._doorbell.ring(Topic.STARTER)
        return len(cases) == BATCH
