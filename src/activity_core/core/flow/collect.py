"""Collecting: many events, one run. Batches, and bursts (`debounce`).

In: groups as they match, of one key. Out: one group per run. The `state` has the one that grows in
`waiting`, and in `times` when its first and its last member came. What comes when it is due opens
the next one, whether or not somebody woke in between: arrivals alone decide who is with whom.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from activity_core.core.decision import Outcome
from activity_core.core.definition.duration import format_duration
from activity_core.core.definition.flow_control import (
    MOST_MEMBERS,
    BatchConfig,
    DebounceConfig,
    Keep,
)
from activity_core.core.expression.condition import rfc3339
from activity_core.core.flow.group import FlowState, Group, Member, Settled, Step

MOST_BYTES = 4 * 1024 * 1024
"""Bodies that a run is handed at most; a single bigger one is alone."""


def batch(config: BatchConfig, state: FlowState, arrived: Sequence[Group], now: datetime) -> Step:
    """Groups of up to `max_size` events and 4 MiB, each at most `max_wait` after its first one."""

    def due(opened: datetime, _touched: datetime) -> datetime:
        return opened + config.max_wait

    def reason(opened: datetime) -> str:
        latest = rfc3339(opened + config.max_wait)
        return f"waits for its batch of up to {config.max_size}, until {latest} at the latest"

    return _collect(_Kind(config.max_size, MOST_BYTES, due, reason, Group), state, arrived, now)


def debounce(
    config: DebounceConfig, state: FlowState, arrived: Sequence[Group], now: datetime
) -> Step:
    """A group per burst: `quiet` after its last event, at the latest `longest` after its first.

    A burst of more events than a run may be for is several; with `keep: all` also one of more than
    4 MiB.
    """

    def due(opened: datetime, touched: datetime) -> datetime:
        return min(touched + config.quiet, opened + config.longest)

    def reason(opened: datetime) -> str:
        quiet, latest = format_duration(config.quiet), rfc3339(opened + config.longest)
        return f"waits until nothing has come for {quiet}, until {latest} at the latest"

    def shaped(members: tuple[Member, ...]) -> Group:
        lead = 0 if config.keep is Keep.FIRST else len(members) - 1
        return Group(members, lead, alone=config.keep is not Keep.ALL)

    most_bytes = MOST_BYTES if config.keep is Keep.ALL else math.inf
    return _collect(_Kind(MOST_MEMBERS, most_bytes, due, reason, shaped), state, arrived, now)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a batch and a burst differ in; `due` is asked with the `times` of what grows."""

    most_members: int
    most_bytes: float
    due: Callable[[datetime, datetime], datetime]
    reason: Callable[[datetime], str]
    shaped: Callable[[tuple[Member, ...]], Group]


@dataclass(slots=True)
class _Growth:
    """Members, put together up to the bounds."""

    most_members: int
    most_bytes: float
    closed: list[tuple[Member, ...]] = field(default_factory=list)
    growing: list[Member] = field(default_factory=list)
    size: int = 0

    def add(self, members: Iterable[Member]) -> None:
        for member in members:
            if self.size + member.size > self.most_bytes:
                self.close()
            self.growing.append(member)
            self.size += member.size
            if len(self.growing) >= self.most_members or self.size >= self.most_bytes:
                self.close()

    def close(self) -> None:
        if self.growing:
            self.closed.append(tuple(self.growing))
        self.growing, self.size = [], 0


def _collect(kind: _Kind, state: FlowState, arrived: Sequence[Group], now: datetime) -> Step:
    old = [member for group in state.waiting for member in group.members]
    opened, touched = state.times or (now, now)
    new, settled = _newcomers(old, arrived)
    growth = _Growth(kind.most_members, kind.most_bytes)
    growth.add(old)
    if kind.due(opened, touched) <= now:
        growth.close()
    growth.add(new)
    released = [kind.shaped(members) for members in growth.closed]
    if not (growing := tuple(growth.growing)):
        return Step(FlowState(), released, settled)
    earlier = {member.input_key for member in old}
    if growing[0].input_key not in earlier:
        opened = now
    if held := tuple(member for member in growing if member.input_key not in earlier):
        touched = now
        settled.append(Settled(Group(held), Outcome.HELD, kind.reason(opened)))
    kept = FlowState(waiting=(kind.shaped(growing),), times=(opened, touched))
    return Step(kept, released, settled, wake_at=kind.due(opened, touched))


def _newcomers(
    old: Sequence[Member], arrived: Sequence[Group]
) -> tuple[list[Member], list[Settled]]:
    """Members for events that are not here yet; a replay may bring one that still waits."""
    here = {member.event_key: member.input_key for member in old}
    new: list[Member] = []
    settled: list[Settled] = []
    for member in (member for group in arrived for member in group.members):
        if (first := here.get(member.event_key)) is None:
            here[member.event_key] = member.input_key
            new.append(member)
        elif first != member.input_key:
            reason = f"the same event waits here already, as {first}"
            settled.append(Settled(Group((member,)), Outcome.DEDUPLICATED, reason))
    return new, settled
