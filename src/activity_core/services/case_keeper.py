"""The case keeper: takes the turns of a case, in one transaction under its lock.

In: a case, from the steps of its workflow. Out: a `CaseProgress` that says what the workflow waits
for. Each queued run is decided over the state as the one before it left it, and recorded with its
tasks; what is left of it goes to the starter like any run. Every step may be repeated: a run that
is taken is off the queue.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from activity_core.core.case.case import CaseStatus
from activity_core.core.case.progress import CaseProgress
from activity_core.core.errors import RejectedError
from activity_core.core.run.record import failure_of
from activity_core.core.run.run import RunFailure
from activity_core.ports.cases import CaseStore, OpenCase
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.run_ledger import RunLedger
from activity_core.services.case_turns import CaseTurns, Refusal, Taken
from activity_core.services.catalogue import Catalogue, Version
from activity_core.services.run_context import ContextReader
from activity_core.services.run_decider import RunDecider
from activity_core.services.run_recorder import count_records

MOST_TURNS = 50
"""Turns of one transaction."""


@dataclass(frozen=True, slots=True)
class CasePorts:
    """Where cases are kept, and what their runs are decided by."""

    cases: CaseStore
    ledger: RunLedger
    catalogue: Catalogue
    reader: ContextReader
    decider: RunDecider


class CaseKeeper:
    """Cases of one tenant."""

    def __init__(self, ports: CasePorts, clock: Clock, doorbell: Doorbell, *, tenant: str) -> None:
        self._ports = ports
        self._clock = clock
        self._doorbell = doorbell
        self._tenant = tenant

    async def take(self, case_id: str, limit: int = MOST_TURNS) -> CaseProgress:
        """Take what is queued and due, up to `limit` turns; close the case if it is over.

        Raises:
            NotFoundError: no such case.
            UnavailableError: the store cannot be reached; nothing was taken.
        """
        await self._ports.catalogue.refresh()
        return await self._take(case_id, limit, None)

    async def gather(self, run_id: str, source: str) -> None:
        """Ask one source of the run whose turn is next, and keep its answer.

        Raises:
            ContextUnavailableError: it did not answer.
        """
        run = await self._ports.cases.queued_run(run_id)
        if run is None or source in run.gathered:
            return
        await self._ports.catalogue.refresh()
        definition = await self._ports.catalogue.definition((run.definition_id, run.version))
        answer = await self._ports.reader.fetch(run, definition, source)
        await self._ports.ledger.keep_gathered(run_id, source, answer)

    async def refuse(self, case_id: str, run_id: str, failure: RunFailure) -> CaseProgress:
        """Record that the next run cannot be decided, and go on with those behind it."""
        await self._ports.catalogue.refresh()
        return await self._take(case_id, MOST_TURNS, Refusal(failure, run_id))

    async def _take(self, case_id: str, limit: int, refusal: Refusal | None) -> CaseProgress:
        """What the store refuses is taken one by one, and the run that is to blame fails."""
        try:
            taken = await self._in_one(case_id, limit, refusal)
        except RejectedError as error:
            if refusal is not None:
                raise
            if limit > 1:
                return await self._take(case_id, 1, None)
            taken = await self._in_one(case_id, 1, Refusal(failure_of(error)))
        count_records(taken.records)
        for topic in (Topic.STARTER, Topic.RELAY) if taken.records else ():
            self._doorbell.ring(topic)
        return taken.progress

    async def _in_one(self, case_id: str, limit: int, refusal: Refusal | None) -> Taken:
        """One transaction. One run more than it may take shows whether any is left."""
        async with self._ports.cases.open(case_id, limit + 1) as opened:
            if opened.case.status is CaseStatus.CLOSED:
                return Taken(CaseProgress(closed=True))
            unknown = self._ports.catalogue.unknown(_versions(opened))
            if not unknown:
                now = self._clock.now()
                turns = CaseTurns(
                    opened, self._ports.catalogue, self._ports.decider, now, tenant=self._tenant
                )
                taken = await turns.take(limit, refusal)
                await opened.write(turns.work, now)
                return taken
        # Not inside: a transaction must not wait for a second connection to the same store.
        await self._ports.catalogue.learn(unknown)
        return await self._in_one(case_id, limit, refusal)


def _versions(opened: OpenCase) -> Sequence[Version]:
    case = opened.case
    versions = {case.version, *(each.run.version for each in opened.queued)}
    return [(case.definition_id, version) for version in sorted(versions)]
