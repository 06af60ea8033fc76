"""Groups: the events that one run is for, on their way through flow control.

Made by the router of a match (one event), joined by batches, bursts and composites, kept in a
`state` while they wait, written as a run when nothing holds them any more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from activity_core.core import ids
from activity_core.core.decision import Outcome


class Stage(StrEnum):
    """Where a group may be held, in the order in which it passes."""

    SEEN = "seen"
    COLLECT = "collect"
    THROTTLE = "throttle"
    ORDER = "order"
    CONCURRENCY = "concurrency"
    CASE = "case"
    """Runs of a case queue up, see `core.case`: there a group is a run already, and no state."""


@dataclass(frozen=True, slots=True)
class Member:
    """One event for one definition, with all that its decision and its run need later.

    Attributes:
        input_key: what its decision is about: `e.…`, or `r.…` of a replay.
        event_key: 32 bytes that identify it in the store.
        received_at: when it came in; with `event_key` it finds the body.
        at: its own time, or `received_at` if it has none.
        version: of the definition that matched it.
        occurrence_key: of a run that is for it alone.
        size: of its body in bytes.
        parts: names of the parts of a composite that it may be; else empty.
        keys: by stage, canonical JSON text of what the stage's `key` gave; absent: it has none.
    """

    input_key: str
    event_key: bytes
    received_at: datetime
    at: datetime
    version: int
    occurrence_key: str
    size: int = 0
    priority: int = 3
    parts: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    traceparent: str | None = None
    causation_depth: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """1..N members of one definition that become one run.

    `lead` is the place of the member whose decision is `fired` (the others are `merged`) and which
    is the run's `event`. With `alone` the run sees its lead only, else all members as `events`.
    """

    members: tuple[Member, ...]
    lead: int = 0
    alone: bool = False

    @property
    def leader(self) -> Member:
        """The member whose decision is `fired`."""
        return self.members[self.lead]

    @property
    def version(self) -> int:
        """The newest that one of them matched: the run pins it."""
        return max(member.version for member in self.members)

    @property
    def priority(self) -> int:
        """That of its most urgent member."""
        return min(member.priority for member in self.members)

    @property
    def causation_depth(self) -> int:
        """That of its deepest member: a loop through a batch is still a loop."""
        return max(member.causation_depth for member in self.members)

    @property
    def case_key(self) -> str | None:
        """The key of the case that its run is queued for; None: it is no run of a case."""
        return self.leader.keys.get(Stage.CASE.value)

    @property
    def size(self) -> int:
        """Of all bodies in bytes."""
        return sum(member.size for member in self.members)

    @property
    def occurrence_key(self) -> str:
        """That of its only member, else `c.` + hash over all of them."""
        if len(self.members) == 1:
            return self.members[0].occurrence_key
        return ids.occurrence_of_members(member.event_key.hex() for member in self.members)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of the members of a group, other than a run of their own.

    `outcome` may be `held`, which a later one replaces. `run_of` is the occurrence key of the run
    that they joined or repeated; None without one.
    """

    group: Group
    outcome: Outcome
    reason: str
    run_of: str | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """Something remembered until `until`, such as an event already seen."""

    until: datetime
    text: str = ""


@dataclass(frozen=True, slots=True)
class FlowState:
    """What one stage of one definition holds for one key. Empty ones are not kept.

    Attributes:
        waiting: groups in order of arrival; of a batch or burst, the one that still grows.
        running: occurrence keys of the groups that were let through and are not over.
        marks: what is remembered, oldest first.
        times: of a batch or burst that grows, when its first member came and when its last did; of
            a composite, until when each group waits; of a throttle, the starts that still count.
    """

    waiting: tuple[Group, ...] = ()
    running: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()
    times: tuple[datetime, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing."""
        return not (self.waiting or self.running or self.marks or self.times)


@dataclass(frozen=True, slots=True)
class Step:
    """What a stage makes of what came.

    Attributes:
        released: groups that go on to the next stage, in order.
        settled: what was decided here; a group that is held here is told so once, on arrival.
        displaced: occurrence keys of open runs that must end to make room.
        wake_at: when it must be asked again if nothing comes before; None: never by itself.
    """

    state: FlowState
    released: Sequence[Group] = ()
    settled: Sequence[Settled] = ()
    displaced: Sequence[str] = ()
    wake_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FlowKey:
    """Names one state: `key` is canonical JSON text, empty for what has none."""

    definition_id: str
    stage: Stage
    key: str = ""
