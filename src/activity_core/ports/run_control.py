"""Control of runs: what an operator does to one, under its lock, and the log of it.

`services.run_control` decides and writes; `reading` shows the log with the run. Whatever is done
to a run is one transaction with the line about it.
"""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from activity_core.core.run.announcement import Announcement
from activity_core.core.run.ending import Ending, OpenWork
from activity_core.core.run.run import PendingRun, RunStatus
from activity_core.core.run.task import TaskInstance, TaskResult
from activity_core.ports.run_queue import SignalKind, Submission

MOST_LINES = 1_000
"""Lines of a run's log that are shown with it: the newest."""


class RunAction(StrEnum):
    """What a line of a run's log says."""

    CANCELLED = "cancelled"
    TERMINATED = "terminated"
    COMPENSATING = "compensating"
    RETRIED = "retried"
    TASK_SKIPPED = "task_skipped"
    RERUN = "rerun"


@dataclass(frozen=True, slots=True)
class RunLine:
    """What somebody did to a run; `about` is the skipped task, or the run that came of a rerun."""

    action: RunAction
    by: str
    reason: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class RunStanding:
    """A run as it stands.

    Attributes:
        recorded: its tasks are written.
        stop: what it was asked to do instead of going on, or empty.
        sources: names of the context sources whose answers are on record; None: it has no context.
    """

    run_id: str
    definition_id: str
    version: int
    attempt: int
    status: RunStatus
    recorded: bool
    stop: str = ""
    sources: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class Rerun:
    """Another run for the same occurrence: its key, its version, and why it is there.

    Of `sources` it gets the answers that the first run had; the others are asked.
    """

    occurrence_key: str
    version: int
    reason: str
    sources: Collection[str] = ()


class HeldRun(Protocol):
    """One run, locked for one transaction."""

    @property
    def run(self) -> RunStanding:
        """As it was when it was locked."""
        ...

    async def work(self) -> OpenWork:
        """Lock what is open of it; of a run that is open."""
        ...

    async def task(self, task_id: str) -> TaskInstance:
        """One of its tasks, locked.

        Raises:
            NotFoundError: it has no such task.
        """
        ...

    async def end(
        self, ending: Ending, kind: SignalKind, told: Sequence[Announcement], at: datetime
    ) -> None:
        """Cancel it with what is open of it; its workflow, if that is its own, is told `kind`."""
        ...

    async def compensate(self) -> None:
        """Have it undo what it did: it is asked to, and its workflow's doorbell is rung."""
        ...

    async def retry(self, at: datetime) -> PendingRun:
        """Reopen a failed run as attempt n+1, what failed or was left out of that as pending.

        What somebody skipped, and what was compensated with all of its group, stays. A run that
        has no tasks is decided anew: it is not recorded any more, and nothing that was gathered
        is kept.

        Raises:
            ConflictError: it needs events whose retention is over.
        """
        ...

    async def skip(
        self, task_id: str, result: TaskResult, told: Sequence[Announcement], at: datetime
    ) -> None:
        """Skip a task that `task` locked; the run's workflow, if it is running, looks again."""
        ...

    async def rerun(self, wanted: Rerun, at: datetime) -> Submission:
        """Decide another run and queue it, unless it is there already.

        Raises:
            ConflictError: events that it is for are gone.
        """
        ...

    async def note(self, line: RunLine, at: datetime) -> None:
        """Add a line to its log."""
        ...


class RunControl(Protocol):
    """Runs of one tenant."""

    def hold(self, run_id: str) -> AbstractAsyncContextManager[HeldRun]:
        """Lock a run. Leaving normally commits, leaving with an exception rolls back.

        Raises:
            NotFoundError: no such run.
        """
        ...
