"""Cases: opened and rung by rows, taken turn by turn under their lock, looked at by people.

The router queues runs of a key and leaves a doorbell. `services.case_starter` opens the key's case
and rings its workflow, whose steps take turns through `services.case_keeper`.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from activity_core.core.case.case import Case
from activity_core.core.case.timers import TimerDue
from activity_core.core.run.run import ClaimedRun, RunRecord
from activity_core.ports.reading import Page, Query, Row

BY_ITSELF = "activity-core"
"""Who closed a case whose `ends_when` held."""


@dataclass(frozen=True, slots=True)
class Ring:
    """A case whose workflow is to be started or rung, and the doorbells that say so.

    `version` is that of its definition which it has come to, with the definition's id.
    """

    case_id: str
    workflow_id: str
    version: tuple[str, int]
    positions: Sequence[int]


@dataclass(frozen=True, slots=True)
class QueuedRun:
    """A run that waits for its turn, since it was routed or its timer was due."""

    run: ClaimedRun
    at: datetime


@dataclass(frozen=True, slots=True)
class CaseWork:
    """What some turns of a case come to, to be written in one transaction.

    Attributes:
        case: as it is afterwards.
        fired: runs of timers that fired; those without a record stay queued, as the first.
        runs: with the version that takes them: those that were taken, and the one that waits for
            its sources.
        records: of the runs that were taken. `pending` ones have tasks left, and go to the starter.
        wakes: the timer that fires next.
    """

    case: Case
    fired: Sequence[QueuedRun] = ()
    runs: Sequence[ClaimedRun] = ()
    records: Sequence[RunRecord] = ()
    wakes: TimerDue | None = None


class OpenCase(Protocol):
    """A case under lock."""

    @property
    def case(self) -> Case:
        """As it is."""
        ...

    @property
    def queued(self) -> Sequence[QueuedRun]:
        """The first runs of its key in the order of their turns; none of a closed case."""
        ...

    async def write(self, work: CaseWork, at: datetime) -> None:
        """Write the case, and what it took off the queue."""
        ...


class CaseStore(Protocol):
    """Cases of one tenant."""

    async def rings(self, limit: int, at: datetime) -> Sequence[Ring]:
        """Whom the oldest doorbells are for; opens cases for keys that have something queued.

        Doorbells of keys that have nothing queued any more go; those of cases that are being taken
        stay for the next time.
        """
        ...

    async def drop_rings(self, rings: Sequence[Ring]) -> None:
        """They were delivered."""
        ...

    def open(self, case_id: str, limit: int) -> AbstractAsyncContextManager[OpenCase]:
        """Lock a case with up to `limit` queued runs; leaving normally commits.

        Runs that were closed while they waited are taken off the queue.

        Raises:
            NotFoundError: no such case.
        """
        ...

    async def queued_run(self, run_id: str) -> ClaimedRun | None:
        """A run that still waits for its turn, without a lock."""
        ...

    async def close(self, case_id: str, by: str, at: datetime) -> None:
        """Close a case and ring its workflow; nothing happens if it is closed.

        Raises:
            NotFoundError: no such case.
            ConflictError: runs wait for their turn in it.
        """
        ...

    async def untouched(self, limit: int, since: datetime) -> Sequence[Ring]:
        """Open cases that were neither opened nor audited since, longest ago first."""
        ...

    async def touch(self, well: Sequence[str], lost: Sequence[str], at: datetime) -> None:
        """They were audited; lost ones are rung."""
        ...

    async def page(self, query: Query) -> Page:
        """Newest first. Filters: definition_id, status, key (as text or as JSON).

        Items: case_id, definition_id, key, number, version, status, taken, opened_at,
        last_event_at, wake_at and waiting_for (its next timer), closed_at, closed_by, workflow_id.
        """
        ...

    async def show(self, case_id: str) -> Row:
        """One case: an item plus state, queued and runs.

        `queued` are run ids in order; `runs` the newest 100: run_id, trigger, timer, status,
        fired_at.

        Raises:
            NotFoundError: no such case.
        """
        ...
