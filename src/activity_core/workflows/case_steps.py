"""The Temporal activities behind `OngoingCase`: each one call of the case keeper."""

from collections.abc import Callable, Sequence
from typing import Any

from temporalio import activity

from activity_core.core.case.progress import CaseProgress
from activity_core.core.run.run import RunFailure
from activity_core.services.case_keeper import CaseKeeper
from activity_core.workflows.case_messages import (
    GATHER_FOR_TURN,
    REFUSE_TURN,
    TAKE_TURNS,
    GatherForTurn,
    RefuseTurn,
    TakeTurns,
)
from activity_core.workflows.codes import stable_codes


class CaseSteps:
    """The steps of cases, for the workers of one tenant."""

    def __init__(self, keeper: CaseKeeper) -> None:
        self._keeper = keeper

    @property
    def all(self) -> Sequence[Callable[..., Any]]:
        """What a worker on the queue of the runs serves."""
        return (self.take_turns, self.gather_for_turn, self.refuse_turn)

    @activity.defn(name=TAKE_TURNS)
    async def take_turns(self, request: TakeTurns) -> CaseProgress:
        """Take what is queued and due."""
        with stable_codes():
            return await self._keeper.take(request.case_id)

    @activity.defn(name=GATHER_FOR_TURN)
    async def gather_for_turn(self, question: GatherForTurn) -> None:
        """Ask one remote source and keep its answer."""
        with stable_codes(outage_is_final=True):
            await self._keeper.gather(question.run_id, question.source)

    @activity.defn(name=REFUSE_TURN)
    async def refuse_turn(self, verdict: RefuseTurn) -> CaseProgress:
        """Record that the next run cannot be decided, and go on."""
        with stable_codes():
            failure = RunFailure(verdict.code, verdict.message)
            return await self._keeper.refuse(verdict.case_id, verdict.run_id, failure)
