"""The recorder: decides and records the runs of one execution in one transaction.

In: an execution. Out: per run what became of it. When the store refuses what was decided, the
runs are halved until the one that is to blame is alone, and that one fails: a bad run never harms
its neighbours. Runs that are recorded already stay as they are.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from activity_core.core.errors import RejectedError
from activity_core.core.run.progress import SourceStep
from activity_core.core.run.record import failure_of
from activity_core.core.run.run import ClaimedRun, RunFailure, RunRecord
from activity_core.ports.clock import Clock
from activity_core.ports.run_ledger import RunLedger
from activity_core.services.catalogue import Catalogue
from activity_core.services.metrics import RUNS, TASKS_CREATED
from activity_core.services.run_decider import RunDecider

SHARED_SECONDS = 5.0
"""What a transaction of several runs may take before each run gets one of its own."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a run.

    `outcome` is its record, or the sources to be asked before it can decide; None if an earlier
    step recorded it and its tasks are not over yet.
    """

    run: ClaimedRun
    outcome: RunRecord | list[SourceStep] | None


class RunRecorder:
    """Records runs of one tenant."""

    def __init__(
        self, ledger: RunLedger, catalogue: Catalogue, decider: RunDecider, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._catalogue = catalogue
        self._decider = decider
        self._clock = clock

    async def record(self, execution_id: str, only: Sequence[str] | None = None) -> list[Recorded]:
        """Decide and record the open runs of an execution, or `only` some of them.

        Raises:
            NotFoundError: no such execution.
            UnavailableError: the store cannot be reached; some or none of them are recorded.
        """
        members: list[str] = []
        try:
            return await self._in_one(execution_id, only, members)
        except RejectedError as error:
            if not members:
                raise
            if len(members) == 1:
                return await self.refuse(execution_id, members[0], failure_of(error))
            middle = len(members) // 2
            parts = [members[:middle], members[middle:]]
        except TimeoutError:
            if len(members) <= 1:
                raise
            parts = [[member] for member in members]
        return [found for part in parts for found in await self.record(execution_id, part)]

    async def refuse(self, execution_id: str, run_id: str, failure: RunFailure) -> list[Recorded]:
        """Record that a run fails before it decided, unless it is recorded or closed."""
        at = self._clock.now()
        async with self._ledger.open(execution_id, at, only=[run_id]) as execution:
            found = [
                Recorded(run, self._decider.refused(run, failure, at))
                for run in execution.runs
                if not run.recorded
            ]
            await execution.record(_records(found), at)
        count_records(_records(found))
        return found

    async def _in_one(
        self, execution_id: str, only: Sequence[str] | None, members: list[str]
    ) -> list[Recorded]:
        """One transaction; `members` tells of which runs, also when it fails."""
        at = self._clock.now()
        found: list[Recorded] = []
        async with self._ledger.open(execution_id, at, only=only) as execution:
            runs = execution.runs
            members[:] = [run.run_id for run in runs]
            unknown = self._catalogue.unknown((run.definition_id, run.version) for run in runs)
            if not unknown:
                async with asyncio.timeout(SHARED_SECONDS if len(runs) > 1 else None):
                    found = [Recorded(run, await self._outcome(run, at)) for run in runs]
                    await execution.record(_records(found), at)
        if unknown:
            # Not inside: a transaction must not wait for a second connection to the same store.
            await self._catalogue.learn(unknown)
            return await self._in_one(execution_id, only, members)
        count_records(_records(found))
        return found

    async def _outcome(self, run: ClaimedRun, at: datetime) -> RunRecord | list[SourceStep] | None:
        if run.recorded:
            return None
        definition = self._catalogue.get((run.definition_id, run.version))
        return await self._decider.decide(run, definition, self._catalogue.calendars, at)


def _records(found: Sequence[Recorded]) -> list[RunRecord]:
    return [each.outcome for each in found if isinstance(each.outcome, RunRecord)]


def count_records(records: Sequence[RunRecord]) -> None:
    """Tell metrics of runs that were recorded."""
    for record in records:
        RUNS.labels(record.status).inc()
        for task in record.tasks:
            TASKS_CREATED.labels(task.spec.kind).inc()
