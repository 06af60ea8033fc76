"""The case starter: what the router queued for a case gets its workflow to look.

In: doorbells. Out: open cases, whose workflows are started or rung. A crash in between is repaired
by ringing again: a ring carries nothing, and a case is opened by rows. A case that Temporal refuses
is left to the case auditor, who rings again after a while.
"""

import asyncio

import structlog

from activity_core.core.run.errors import StartRefusedError
from activity_core.ports.cases import CaseStore, Ring
from activity_core.ports.clock import Clock
from activity_core.ports.engine import Engine, Purpose
from activity_core.ports.registry import RegistryStore
from activity_core.services.catalogue import Catalogue

log = structlog.get_logger(__name__)

BATCH = 500
AT_ONCE = 32
"""Requests under way at the same time."""


class CaseStarter:
    """Starts and rings the cases of one tenant; several may run at once."""

    def __init__(
        self, cases: CaseStore, registry: RegistryStore, engine: Engine, clock: Clock
    ) -> None:
        self._cases = cases
        self._catalogue = Catalogue(registry)
        self._engine = engine
        self._clock = clock

    async def step(self) -> bool:
        """Deliver the oldest doorbells; True if there may be more.

        Raises:
            UnavailableError: some are not delivered; they stay.
        """
        rings = await self._cases.rings(BATCH, self._clock.now())
        await self._catalogue.learn(self._catalogue.unknown({ring.version for ring in rings}))
        gate = asyncio.Semaphore(AT_ONCE)

        async def ring(case: Ring) -> None:
            async with gate:
                await self._engine.start_case(case.case_id, case.workflow_id, self._purpose(case))

        results = await asyncio.gather(*map(ring, rings), return_exceptions=True)
        over: list[Ring] = []
        left: list[BaseException] = []
        for case, result in zip(rings, results, strict=True):
            if isinstance(result, StartRefusedError):
                log.error("case_refused", case_id=case.case_id, code=result.code, error=str(result))
            elif result is not None:
                left.append(result)
                continue
            over.append(case)
        await self._cases.drop_rings(over)
        if left:
            raise left[0]
        return bool(rings)

    def _purpose(self, case: Ring) -> Purpose:
        owner = self._catalogue.get(case.version).owner or ""
        return Purpose(*case.version, case.case_id, owner)
