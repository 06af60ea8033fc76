"""What a composite holds while it waits, for one step.

In: the `FlowState` of one key. Out: the next one, with what was decided. The state has in `waiting`
one event per group, in order of arrival, in `times` until when each is held, and in `marks` what
is remembered of events that are decided already. Used by `composite` and `absence`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from activity_core.core.decision import Outcome
from activity_core.core.definition.flow_control import MOST_MEMBERS
from activity_core.core.flow.group import FlowState, Group, Mark, Member, Settled, Step


@dataclass(slots=True)
class Held:
    """A working copy of one state at `now`; what a step does to it ends up in `step()`."""

    names: Sequence[str]
    within: timedelta
    now: datetime
    groups: dict[str, Group] = field(default_factory=dict)
    untils: dict[str, datetime] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)
    released: list[Group] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)

    @classmethod
    def of(cls, state: FlowState, names: Sequence[str], within: timedelta, now: datetime) -> "Held":
        """What is in a state, as far as a part called one of `names` waits for it."""
        held = cls(names, within, now, marks=[mark for mark in state.marks if mark.until >= now])
        for group, until in zip(state.waiting, state.times, strict=True):
            if held.wants(group):
                held.groups[group.leader.input_key] = group
                held.untils[group.leader.input_key] = until
        return held

    def wants(self, group: Group) -> bool:
        """Whether it is a part at all; else it was one of an earlier version, and is dropped."""
        if any(name in group.leader.parts for name in self.names):
            return True
        self.settle(group, Outcome.DROPPED, f"this version waits for {', '.join(self.names)} only")
        return False

    def until(self, member: Member) -> datetime:
        """How long it is held: `within` after it came, or after its own time if that is later.

        Its own time counts no further ahead than `within`, so everything ends.
        """
        return max(self.now, min(member.at, self.now + self.within)) + self.within

    def newcomers(self, arrived: Iterable[Group]) -> Iterator[Group]:
        """Those that are not held already: an event that comes again itself is no second one.

        If it comes as another input, as in a replay, that one is `deduplicated`.
        """
        for group in arrived:
            came = group.leader
            same = [
                key for key, each in self.groups.items() if each.leader.event_key == came.event_key
            ]
            if not same and self.wants(group):
                yield group
            elif same and came.input_key not in same:
                self.settle(
                    group, Outcome.DEDUPLICATED, f"the same event waits here already, as {same[0]}"
                )

    def add(self, group: Group) -> None:
        """Hold it; beyond the bound, the one that came first goes."""
        if len(self.groups) >= MOST_MEMBERS:
            oldest = next(iter(self.groups))
            self.drop(oldest, f"more than {MOST_MEMBERS} events wait, and it came first of them")
        self.groups[group.leader.input_key] = group
        self.untils[group.leader.input_key] = self.until(group.leader)

    def take(self, key: str) -> Group:
        """Hold it no longer."""
        del self.untils[key]
        return self.groups.pop(key)

    def drop(self, key: str, reason: str) -> None:
        """Hold it no longer, and say why."""
        self.settle(self.take(key), Outcome.DROPPED, reason)

    def settle(
        self, group: Group, outcome: Outcome, reason: str, run_of: str | None = None
    ) -> None:
        """Decide about it."""
        self.settled.append(Settled(group, outcome, reason, run_of))

    def over(self, *, at_once: bool) -> list[str]:
        """Input keys of those whose time is over, in that order; what ends now only if `at_once`.

        What comes at the last instant is in time: before arrivals that instant is not over.
        """
        over = [
            (until, key)
            for key, until in self.untils.items()
            if until < self.now or (at_once and until == self.now)
        ]
        return [key for _, key in sorted(over)]

    def remember(self, member: Member, text: str) -> None:
        """Keep a note for as long as the event would be held; the oldest beyond the bound go."""
        self.marks = [*self.marks, Mark(self.until(member), text)][-MOST_MEMBERS:]

    def step(self) -> Step:
        """The state that follows, and all that was decided."""
        marks = tuple(mark for mark in self.marks if mark.until > self.now)
        times = tuple(self.untils.values())
        state = FlowState(tuple(self.groups.values()), marks=marks, times=times)
        wake_at = min((*times, *(mark.until for mark in marks)), default=None)
        return Step(state, self.released, self.settled, wake_at=wake_at)
