"""Flow states: who waits for what, durably, and what is decided about them.

`services.router` asks within the transaction that routes, `services.flow_keeper` in one of its own
when something is due: time has come, or a run is over. Both through `services.flow`.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from activity_core.core.flow.group import FlowKey, FlowState, Group, Settled
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.ending import OpenWork
from activity_core.ports.dead_letters import DeadLetter


@dataclass(frozen=True, slots=True)
class FlowRow:
    """A state to be kept; an empty one is removed. `wake_at` may lie in the past: due at once."""

    state: FlowState
    wake_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """What follows for some definitions, to be written in one transaction.

    Attributes:
        fired: by definition id, groups whose run starts now; the store answers `deduplicated` for a
            group whose occurrence has a run already.
        settled: by definition id, all other members.
        rows: states that changed.
        displaced: run ids that are to end, with what is announced about each.
        letters: dead letters of definitions that ask for them when their filter fails.
    """

    fired: Sequence[tuple[str, Group]] = ()
    settled: Sequence[tuple[str, Settled]] = ()
    rows: Mapping[FlowKey, FlowRow] = field(default_factory=dict)
    displaced: Mapping[str, Sequence[Announcement]] = field(default_factory=dict)
    letters: Sequence[DeadLetter] = ()


class OpenFlow(Protocol):
    """Flow states within one transaction."""

    async def lock(self, definition_ids: Sequence[str]) -> None:
        """Have the states of these definitions to oneself until the transaction ends.

        Called once, before any state is read.
        """
        ...

    async def states(self, keys: Sequence[FlowKey]) -> Mapping[FlowKey, FlowState]:
        """The states that are not empty."""
        ...

    async def finished(self, definition_id: str, occurrence_keys: Sequence[str]) -> Sequence[str]:
        """Those whose run is there and over; what still waits elsewhere has none."""
        ...

    async def open_work(self, run_ids: Sequence[str]) -> Sequence[OpenWork]:
        """Lock those of these runs that are open, with their open tasks."""
        ...

    async def write(self, decided: Decided, at: datetime) -> Mapping[str, int]:
        """Write decisions, runs, their events, states and displaced runs; counts per outcome.

        Decisions that are `held` are replaced; final ones never change. A decision that is final
        already leaves a group as it was written: writing twice is writing once.
        """
        ...


class FlowStore(Protocol):
    """Flow states of one tenant."""

    async def due(self, at: datetime, limit: int) -> Sequence[FlowKey]:
        """States whose `wake_at` has come, and those that wait for a run that is over by now."""
        ...

    async def next_wake(self) -> datetime | None:
        """The earliest `wake_at` of all; None if nothing waits for a time."""
        ...

    async def wake(self, definition_ids: Collection[str], at: datetime) -> None:
        """All states of these definitions are due at the latest then."""
        ...

    def open(self) -> AbstractAsyncContextManager[OpenFlow]:
        """A transaction; leaving normally commits, leaving with an exception rolls back."""
        ...
