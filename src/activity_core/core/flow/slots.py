"""Slots: so many runs of one key at once, or one after the other.

In: groups of one key, and the occurrence keys whose runs are over. Out: those that may start now;
the others wait, are let go, or take the place of the oldest. The `running` of the state have the
slots, in the order of their starts; only an end frees one, never time.
"""

from collections.abc import Collection, Sequence

from activity_core.core.decision import Outcome
from activity_core.core.definition.flow_control import WhenFull
from activity_core.core.flow.group import FlowState, Group, Settled, Step
from activity_core.core.flow.waiting import admit, hold, line_up


def slots(
    limit: int,
    when_full: WhenFull,
    state: FlowState,
    arrived: Sequence[Group],
    ended: Collection[str],
) -> Step:
    """At most `limit` open runs; the most urgent of those that wait goes first, then the oldest.

    What waits since it was `queue` keeps its turn with `drop`; with `cancel_oldest` nobody waits.
    """
    running = _still_open(state, ended)
    if when_full is WhenFull.CANCEL_OLDEST:
        return _newest(limit, running, list(line_up(state.waiting, arrived).values()))
    room = limit - len(running)
    passage = admit(state.waiting, arrived, room, running=running, urgent_first=True)
    running = (*running, *passage.admitted)
    full = f"{len(running)} of {limit} runs are open"
    if when_full is WhenFull.QUEUE:
        waiting, settled = hold(passage, f"waits: {full}")
    else:
        waiting = tuple(passage.waiting)
        settled = [Settled(group, Outcome.DROPPED, full) for group in passage.turned]
    return Step(FlowState(waiting, running), passage.released, settled)


def one_by_one(state: FlowState, arrived: Sequence[Group], ended: Collection[str]) -> Step:
    """One open run; the next, in order of arrival, when it is over."""
    running = _still_open(state, ended)
    passage = admit(state.waiting, arrived, 1 - len(running), running=running)
    running = (*running, *passage.admitted)
    waiting, settled = hold(passage, "waits in order: the run before it is not over")
    return Step(FlowState(waiting, running), passage.released, settled)


def _still_open(state: FlowState, ended: Collection[str]) -> tuple[str, ...]:
    over = frozenset(ended)
    return tuple(key for key in state.running if key not in over)


def _newest(limit: int, running: tuple[str, ...], line: Sequence[Group]) -> Step:
    """What arrives takes the places of the oldest; of too many at once the newest start."""
    keys = [group.occurrence_key for group in line]
    inside = frozenset(running)
    starting = [key for key in dict.fromkeys(keys) if key not in inside][-limit:]
    # A limit that shrank ends no run by itself: only a start makes room.
    displaced = running[: max(0, len(running) + len(starting) - limit)] if starting else ()
    passing = inside.union(starting)
    released = [group for group, key in zip(line, keys, strict=True) if key in passing]
    reason = f"came together with newer ones, which take the places of older ones: {limit} at once"
    settled = [
        Settled(group, Outcome.DROPPED, reason)
        for group, key in zip(line, keys, strict=True)
        if key not in passing
    ]
    kept = FlowState(running=(*running[len(displaced) :], *starting))
    return Step(kept, released, settled, displaced)
