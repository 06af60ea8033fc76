"""Seen: an event whose `dedupe_key` came before, while what came first may still be held.

In: one-member groups; their occurrence key says what they are called the same by. Out: the first
of each, and `deduplicated` for those after it. A run that is there already needs no memory: the
store knows its occurrence. Here it is about batches and bursts, whose runs have keys of their own.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from activity_core.core.decision import Outcome
from activity_core.core.expression.condition import rfc3339
from activity_core.core.flow.group import FlowState, Group, Mark, Settled, Stage, Step


def seen(window: timedelta, state: FlowState, arrived: Sequence[Group], now: datetime) -> Step:
    """Let through what was not seen within `window`, counted from the first of its kind.

    An event that comes again itself is no second one: nothing is decided about it. The step wakes
    to forget.
    """
    marks = {
        mark.text.partition(" ")[0]: mark for mark in state.marks if mark.until > now
    }  # by what the dedupe key gave
    released: list[Group] = []
    settled: list[Settled] = []
    for group in arrived:
        key, input_key = group.leader.keys[Stage.SEEN], group.leader.input_key
        if (mark := marks.get(key)) is None:
            marks[key] = Mark(now + window, f"{key} {input_key}")
            released.append(group)
        elif (first := mark.text.partition(" ")[2]) != input_key:
            reason = f"same dedupe_key as {first}, which counts until {rfc3339(mark.until)}"
            settled.append(Settled(group, Outcome.DEDUPLICATED, reason))
    kept = tuple(marks.values())
    wake_at = max((mark.until for mark in kept), default=None)
    return Step(FlowState(marks=kept), released, settled, wake_at=wake_at)
