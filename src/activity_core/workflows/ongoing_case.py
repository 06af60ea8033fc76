"""`OngoingCase`: one case, from its first event until it is over; orchestration only.

The case starter starts it, and rings when something is queued: the signal carries nothing, what
came is in the database. Asked after every start, it loses none by continuing as new. It sleeps
until a ring or the next timer; what the steps answer is all it remembers.
"""

import json
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

from temporalio import workflow
from temporalio.common import VersioningBehavior

from activity_core.core.case.progress import CaseProgress
from activity_core.workflows.calls import local
from activity_core.workflows.case_messages import (
    GATHER_FOR_TURN,
    ONGOING_CASE,
    REFUSE_TURN,
    RING,
    SETTLE,
    STATE,
    TAKE_TURNS,
    WAITING_FOR,
    CaseRequest,
    GatherForTurn,
    RefuseTurn,
    TakeTurns,
)
from activity_core.workflows.gathering import gather
from activity_core.workflows.outcome import mark

SHORTEST_SLEEP = 0.2
"""Seconds: clocks differ, and a timer that came too early must not make history of it."""


@workflow.defn(name=ONGOING_CASE)
class OngoingCase:
    """One case. Its history holds ids, instants, and the state while that is small."""

    def __init__(self) -> None:
        self._rings = 1
        self._settled = 0
        self._progress = CaseProgress()

    @workflow.run
    async def run(self, request: CaseRequest) -> None:
        """Take turns until the case is over."""
        for _ in range(request.most_steps):
            await self._step(request.case_id)
            if self._progress.closed and self._settled == self._rings:
                mark("closed")
                await workflow.wait_condition(workflow.all_handlers_finished)
                return
            if workflow.info().is_continue_as_new_suggested():
                break
            await self._sleep()
        self._settled = self._rings  # who waits is answered with what is known
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(request)

    async def _step(self, case_id: str) -> None:
        """Take turns once; what rang before that is settled when nothing more is left."""
        rings = self._rings
        if self._progress.sources:
            self._progress = await _gather(case_id, self._progress)
        else:
            self._progress = await local(TAKE_TURNS, TakeTurns(case_id), CaseProgress)
        if not self._is_busy:
            self._settled = rings

    @property
    def _is_busy(self) -> bool:
        return self._progress.more or bool(self._progress.sources)

    async def _sleep(self) -> None:
        """Until there is something to look at."""
        wake_in = self._progress.wake_in
        if self._is_busy or self._progress.closed:
            return
        pause = None if wake_in is None else timedelta(seconds=max(wake_in, SHORTEST_SLEEP))
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._rings > self._settled, timeout=pause)

    @workflow.signal(name=RING)
    def ring(self) -> None:
        """Carries nothing: what came is in the database."""
        self._rings += 1

    @workflow.query(name=STATE)
    def state(self) -> Any:
        """What it remembers; null while nothing was taken, or when it is too long to be shown."""
        return json.loads(self._progress.state) if self._progress.state else None

    @workflow.query(name=WAITING_FOR)
    def waiting_for(self) -> str:
        """The next timer and its instant; empty: it waits for events only."""
        return self._progress.waiting_for

    @workflow.update(name=SETTLE)
    async def settle(self) -> Any:
        """Take what has come until now, then answer the state."""
        self._rings += 1
        mine = self._rings
        await workflow.wait_condition(lambda: self._settled >= mine)
        return self.state()


@workflow.defn(name=ONGOING_CASE, versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class UpgradingCase(OngoingCase):
    """The same for workers with a version: it outlives builds, so any step may move to the next.

    Of its own, because workers without a version hang on this behaviour. What changes in a case has
    to be patched: builds go on with histories of each other.
    """

    @workflow.run
    async def run(self, request: CaseRequest) -> None:
        """See `OngoingCase`."""
        await super().run(request)


async def _gather(case_id: str, progress: CaseProgress) -> CaseProgress:
    """Ask all remote sources of the next run, then take it, or have it fail."""
    question = partial(GatherForTurn, progress.run_id)
    failure = await gather(GATHER_FOR_TURN, progress.sources, question)
    if failure is None:
        return await local(TAKE_TURNS, TakeTurns(case_id), CaseProgress)
    return await local(REFUSE_TURN, RefuseTurn(case_id, progress.run_id, *failure), CaseProgress)
