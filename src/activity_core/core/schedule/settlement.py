"""Settlement: what becomes of every slot of one definition that is due and undecided.

In: expected slots, what the ledger knows (open runs, slots that wait for them, slots that have a
run already), the policies, the time. Out: exactly one decision per slot and the runs that follow.
Pure, so the same question has the same answer whoever asks: a tick in time, or the first worker
after an outage. Here are the words; `settle` says them in order, `misfire` and `overlap` hold the
rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from activity_core.core.decision import Outcome
from activity_core.core.definition.misfire import MisfireConfig, OverlapPolicy
from activity_core.core.schedule.gap import Gap

ON_TIME = timedelta(seconds=5)
"""A slot that is decided so late is on time: a tick that had to wait is no outage."""

MISSED_AFTER = timedelta(seconds=60)
"""Later than this a slot is missed, and earlier if its successor is due as well. As long as
Temporal itself brings slots late (its catch-up window)."""

UNEXPLAINED = "unexplained: it was due, yet nobody decided about it"
"""Why, of a slot that has no decision although all slots of its time are settled."""


@dataclass(frozen=True, slots=True)
class ExpectedSlot:
    """A slot that some version asked for. `blocked`: why it must not run, else empty.

    `blocked` begins with the cause: `paused: …` or `outside_validity: …`.
    """

    at: datetime
    blocked: str = ""


@dataclass(frozen=True, slots=True)
class SlotPolicy:
    """What a definition wants; `idle`: why nothing of it may run now (paused, …), else empty."""

    misfire: MisfireConfig
    overlap: OverlapPolicy
    idle: str = ""


@dataclass(frozen=True, slots=True)
class SlotState:
    """What the ledger knows of a definition.

    Attributes:
        open_runs: ids of open runs of earlier slots, oldest first.
        held: slots that wait for them, ascending.
        taken: due or held slots that have a run already → its id.
    """

    open_runs: Sequence[str] = ()
    held: Sequence[datetime] = ()
    taken: Mapping[datetime, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SlotDecision:
    """What becomes of a slot; `run_for` is the slot of the run that it leads to, if any.

    With `deduplicated` that run is there already. A decision about a slot that was held replaces
    the one that held it.
    """

    slot: datetime
    outcome: Outcome
    reason: str = ""
    run_for: datetime | None = None


@dataclass(frozen=True, slots=True)
class SlotRun:
    """A run for a slot. `recovery`: it makes up for missed slots, so it waits for its turn."""

    slot: datetime
    recovery: bool = False
    gap: Gap | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A run that should start; its `slots`, of which it has the newest, get `outcome` if it may."""

    run: SlotRun
    outcome: Outcome
    slots: Sequence[datetime]
    reason: str = ""


class Displacement(StrEnum):
    """What a run that fires does to the open runs before it."""

    CANCEL = "cancel"
    TERMINATE = "terminate"


@dataclass(frozen=True, slots=True)
class Settlement:
    """One decision per due slot (and per held slot that is released), in order of slots."""

    decisions: Sequence[SlotDecision] = ()
    runs: Sequence[SlotRun] = ()
    displaces: Displacement | None = None
