"""The ledger of runs: claimed by their execution, recorded once, closed once.

`services.run_recorder` and `run_closer` write it; the auditor closes what they will not, and runs
of cases are recorded by `ports.cases`. Whatever is written twice keeps what was written first.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.occurrence import Occurrence
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.run import ClaimedRun, RunFailure, RunRecord, RunStatus


@dataclass(frozen=True, slots=True)
class RunMaterial:
    """What a recorded run was decided by, for rendering its late tasks.

    Attributes:
        occurrence: with its events, as `ClaimedRun` has it.
        snapshot: the recorded document, see `core.rules.context.take_snapshot`.
    """

    definition_id: str
    version: int
    attempt: int
    occurrence: Occurrence
    snapshot: Mapping[str, JsonValue]


class OpenExecution(Protocol):
    """The runs of one execution, locked for one transaction; pending ones are now running."""

    @property
    def runs(self) -> Sequence[ClaimedRun]:
        """In order of run id."""
        ...

    async def record(self, records: Sequence[RunRecord], at: datetime) -> None:
        """Write runs, tasks and outbox rows, set-based. Only for runs not recorded yet.

        A task that is final already ended at `at`, without outputs: with outcome `done` if it is
        completed, else with its status as outcome.
        """
        ...


class RunLedger(Protocol):
    """Runs of one tenant."""

    def open(
        self, execution_id: str, at: datetime, *, only: Sequence[str] | None = None
    ) -> AbstractAsyncContextManager[OpenExecution]:
        """Lock the runs of an execution (or `only` some of them) and mark them claimed.

        Leaving normally commits, leaving with an exception rolls back. Closed runs (cancelled
        meanwhile) are not among `runs`.

        Raises:
            NotFoundError: no such execution.
        """
        ...

    async def material(self, run_id: str) -> RunMaterial:
        """What a run was decided by; it may be closed.

        Raises:
            NotFoundError: no such run, or it is not recorded.
        """
        ...

    async def keep_gathered(self, run_id: str, source: str, data: JsonValue) -> None:
        """What a remote source answered; the first answer stays."""
        ...

    async def close(
        self,
        run_id: str,
        status: RunStatus,
        failure: RunFailure | None,
        at: datetime,
        announcements: Sequence[Announcement],
    ) -> bool:
        """Close an open run with its announcements; False if it is not open (any more).

        Its tasks stay as they are.
        """
        ...
