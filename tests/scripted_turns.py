"""The steps of `OngoingCase`, played from a script: no database, no case keeper."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity
from tests.scripted_steps import QUICK, fatal

from activity_core.core.case.progress import CaseProgress
from activity_core.core.run.progress import SourceStep
from activity_core.workflows import case_messages as m

CLOSED = CaseProgress(closed=True)
RUN = "run-1"


def turn(**what: Any) -> CaseProgress:
    """One turn was taken, and the case goes on."""
    return CaseProgress(taken=1, state='{"seen": 1}', **what)


def asks(*sources: str) -> CaseProgress:
    """Nothing was taken: the next run waits for its sources."""
    return turn(run_id=RUN, sources=[SourceStep(name, QUICK) for name in sources])


@dataclass
class ScriptedTurns:
    """`turns` are answered in order, after them that the case is closed.

    Attributes:
        silent: sources that have no answer.
        most_steps: of one workflow run.
        settled: whether somebody settles the case once its timer fired, and then rings.
        taken: set when so many turns were taken, from 0.
    """

    turns: Sequence[CaseProgress]
    silent: frozenset[str] = frozenset()
    most_steps: int = m.MOST_STEPS
    settled: bool = False
    calls: list[str] = field(default_factory=list)
    taken: defaultdict[int, asyncio.Event] = field(
        default_factory=lambda: defaultdict(asyncio.Event)
    )

    def __post_init__(self) -> None:
        self._turns = iter(self.turns)

    @property
    def all(self) -> Sequence[Callable[..., Any]]:
        return (self.take_turns, self.gather_for_turn, self.refuse_turn)

    @activity.defn(name=m.TAKE_TURNS)
    async def take_turns(self, _: m.TakeTurns) -> CaseProgress:
        self.taken[self.calls.count("take")].set()
        self.calls.append("take")
        return next(self._turns, CLOSED)

    @activity.defn(name=m.GATHER_FOR_TURN)
    async def gather_for_turn(self, question: m.GatherForTurn) -> None:
        self.calls.append(f"gather {question.source}")
        if question.source in self.silent:
            raise fatal("context_unavailable")

    @activity.defn(name=m.REFUSE_TURN)
    async def refuse_turn(self, verdict: m.RefuseTurn) -> CaseProgress:
        self.calls.append(f"refuse {verdict.run_id} {verdict.code}")
        return next(self._turns, CLOSED)
