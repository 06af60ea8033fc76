"""The slot ledger: for every definition with a schedule, up to where its slots are decided.

`services.reconciler` plans the cursors, `services.slot_settler` settles what is due under their
lock, `services.slot_auditor` looks for what nobody settled.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from activity_core.core.decision import Outcome
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.ending import OpenWork
from activity_core.core.schedule.settlement import Displacement, SlotDecision, SlotRun


@dataclass(frozen=True, slots=True)
class SlotCursor:
    """Where a definition stands.

    Attributes:
        plan: fingerprint of the schedule that `next_slot` and `wake_at` were computed from.
        covered_until: every slot up to and including this instant has its decision.
        next_slot: no undecided slot is earlier; None if no slot is left.
        wake_at: when somebody must have looked, even if no tick came.
    """

    definition_id: str
    plan: str
    covered_until: datetime
    next_slot: datetime | None
    wake_at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenCursor:
    """A locked cursor, with the open runs of its slots (oldest first) and the held slots."""

    cursor: SlotCursor
    open_runs: Sequence[str] = ()
    held: Sequence[datetime] = ()


@dataclass(frozen=True, slots=True)
class SettledSlots:
    """What is written about one definition.

    Attributes:
        cursor: where it stands afterwards; None: it has no schedule any more, forget it.
        version: the one that is in force.
        candidates: of a rollout, by slot, the version that its run pins instead.
        jitter: the longest delay of its starts; see `schedule.jitter`.
        displaced: by run id, what is announced about each displaced run and its tasks; only runs
            that `OpenCursors.open_work` answered in the same transaction.
    """

    definition_id: str
    version: int
    cursor: SlotCursor | None
    decisions: Sequence[SlotDecision] = ()
    runs: Sequence[SlotRun] = ()
    jitter: timedelta = timedelta()
    displaces: Displacement | None = None
    displaced: Mapping[str, Sequence[Announcement]] = field(default_factory=dict)
    candidates: Mapping[datetime, int] = field(default_factory=dict)

    def version_of(self, slot: datetime) -> int:
        """The version that the run of a slot pins."""
        return self.candidates.get(slot, self.version)


@dataclass(frozen=True, slots=True)
class AuditRange:
    """Slots of a definition later than `after`, up to `until`, all of which are covered."""

    definition_id: str
    after: datetime
    until: datetime


class OpenCursors(Protocol):
    """Due cursors of one tenant, locked for one transaction."""

    @property
    def due(self) -> Sequence[OpenCursor]:
        """In order of definition ids."""
        ...

    async def taken(
        self, slots: Mapping[str, Sequence[datetime]]
    ) -> Mapping[str, Mapping[datetime, str]]:
        """By definition id, those of its slots that have a run already → its id."""
        ...

    async def open_work(self, run_ids: Sequence[str]) -> Sequence[OpenWork]:
        """Those of the runs that are still open, in order of ids, with their open tasks.

        Runs and tasks stay locked: whoever ends one of them at that moment either was first, and
        it is not in the answer, or finds what `write` made of it.
        """
        ...

    async def write(self, settled: Sequence[SettledSlots], at: datetime) -> None:
        """Decisions, pending runs and cursors, set-based.

        A run that is no recovery may start at its slot + its delay by `jitter`; recovery runs get
        their turn one after the other, oldest slot first, at the ledger's recovery rate. A decision
        whose slot is decided already changes nothing, unless it was held. Displaced runs are
        closed as cancelled, with their open tasks, and their workflows are told.

        Raises:
            UnavailableError: a backfill made one of the runs meanwhile; settle anew.
        """
        ...


class SlotLedger(Protocol):
    """The slots of one tenant."""

    async def cursors(self) -> Mapping[str, SlotCursor]:
        """By definition id."""
        ...

    async def plan(self, cursors: Sequence[SlotCursor]) -> None:
        """Insert cursors, or replace the plan of those that are there.

        What is there keeps its `covered_until`, and its `next_slot` and `wake_at` if they are
        earlier: a slot that was due under the old plan is still settled.
        """
        ...

    async def due(self, at: datetime, limit: int) -> Mapping[str, datetime]:
        """Up to `limit` definitions that are due, oldest slot first → their `covered_until`.

        Due: `next_slot` is not later than `at`, or a slot is held and no run is open any more.
        """
        ...

    def open_due(
        self, definition_ids: Sequence[str], at: datetime
    ) -> AbstractAsyncContextManager[OpenCursors]:
        """Lock the cursors among these that are still due; those that others lock are skipped.

        Nothing else may be asked of the store while it is open: what settling needs to know of
        the registry is read before.
        """
        ...

    async def overdue(self, at: datetime) -> bool:
        """Whether a cursor's `wake_at` is not later than `at`, or a held slot could go on."""
        ...

    async def decided(
        self, definition_id: str, after: datetime, until: datetime
    ) -> Mapping[datetime, Outcome]:
        """The slots of a definition in (after, until] that have a decision."""
        ...

    async def unaudited(self, limit: int, *, before: datetime) -> Sequence[AuditRange]:
        """Ranges that were covered before and never audited, longest ago first."""
        ...

    async def mark_audited(self, ranges: Sequence[AuditRange]) -> None:
        """They were audited up to their `until`."""
        ...

    async def write_unexplained(
        self, definition_id: str, version: int, slots: Sequence[datetime], reason: str, at: datetime
    ) -> None:
        """Decide slots that nobody decided as `failed`, so that they are on record."""
        ...
