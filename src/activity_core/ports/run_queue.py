"""The queue of decided runs: from the router's commit to a started workflow.

`services.starter` composes and starts; `services.run_auditor` closes what nobody else will.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from activity_core.core.jsontext import JsonValue
from activity_core.core.run.run import Execution, PendingRun, RunStatus


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that is not closed, as the auditor sees it."""

    run_id: str
    definition_id: str
    workflow_id: str
    status: RunStatus


class SignalKind(StrEnum):
    """What a workflow is told: to look at its tasks again, or to end."""

    TASKS_CHANGED = "tasks_changed"
    CANCEL = "cancel"
    TERMINATE = "terminate"


@dataclass(frozen=True, slots=True)
class Signal:
    """A payload-free message for the workflow of a run."""

    position: int
    workflow_id: str
    kind: SignalKind = SignalKind.TASKS_CHANGED


@dataclass(frozen=True, slots=True)
class PendingTask:
    """A recorded task that no run carries out; rule and spec id say which notification it is."""

    position: int
    task_id: str
    definition_id: str
    version: int
    rule: str
    spec_id: str


@dataclass(frozen=True, slots=True)
class ManualRequest:
    """Somebody wants a run now. `occurrence_key` is `m.` + request id."""

    definition_id: str
    version: int
    occurrence_key: str
    input: JsonValue
    actor: str


@dataclass(frozen=True, slots=True)
class Submission:
    """The run of a manual request; `created` is False if the request came before."""

    run_id: str
    created: bool


class RunQueue(Protocol):
    """Pending runs, unstarted executions, undelivered signals."""

    async def submit(self, request: ManualRequest, at: datetime) -> Submission:
        """Decide a manual request: decision and pending run in one transaction, once per key.

        The actor is in the decision's reason.
        """
        ...

    async def compose(
        self,
        limit: int,
        composer: Callable[[Sequence[PendingRun]], Sequence[Execution]],
        *,
        at: datetime,
        lease: timedelta,
    ) -> list[Execution]:
        """Commit executions of up to `limit` pending runs, leased until at + lease.

        Only runs whose start is not put off beyond `at`; the most urgent first, and of one priority
        the oldest first. Strictly: while more urgent runs fill `limit`, the others wait.

        Runs that were closed meanwhile are left out. What `composer` raises changes nothing.
        """
        ...

    async def overdue(self, limit: int, *, at: datetime, lease: timedelta) -> list[Execution]:
        """Lease executions whose earlier lease ran out and whose workflow has not claimed them.

        A lease until `at` has run out at `at`. Executions are in order of priority, their runs in
        order of ids.
        """
        ...

    async def mark_started(self, execution_ids: Sequence[str]) -> None:
        """Temporal has them; they need no lease any more."""
        ...

    async def depth(self) -> int:
        """Runs that no workflow has claimed yet."""
        ...

    async def take_tasks(self, limit: int) -> list[PendingTask]:
        """The oldest tasks that wait for a workflow of their own."""
        ...

    async def drop_tasks(self, positions: Sequence[int]) -> None:
        """They have their workflows."""
        ...

    async def take_signals(self, limit: int) -> list[Signal]:
        """The oldest undelivered signals."""
        ...

    async def drop_signals(self, positions: Sequence[int]) -> None:
        """They were delivered (or their workflow is gone)."""
        ...

    async def open_runs(self, limit: int, *, untouched_since: datetime) -> list[OpenRun]:
        """Started runs that are not closed and not audited since, longest ago first.

        Started: their execution needs no lease. Firing and reopening a run count as an audit.
        """
        ...

    async def touch(self, run_ids: Sequence[str], at: datetime) -> None:
        """They were audited and are well."""
        ...

    async def restart(self, run_id: str, at: datetime) -> None:
        """Put the execution of a run that Temporal never got back to be started: overdue at `at`.

        Nothing happens if the run is closed.
        """
        ...
