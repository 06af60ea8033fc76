"""Throttle: so many runs in any stretch of time, wherever one begins to count.

In: groups of one key. Out: those that may start now; the others wait in order, or are let go. The
`times` of the state are the starts of the last `per`, so the window slides: a start counts until
exactly `per` after it. They are remembered a little longer, for those whose `now` is behind: they
read their clock, then waited until the state was theirs.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from activity_core.core.decision import Outcome
from activity_core.core.definition.flow_control import Excess, ThrottleConfig
from activity_core.core.expression.condition import rfc3339
from activity_core.core.flow.group import FlowState, Group, Settled, Step
from activity_core.core.flow.waiting import admit, hold
from activity_core.core.schedule.lag import spelled

BEHIND = timedelta(seconds=5)
"""How far the `now` of one who asks may be behind that of others before it."""
_MOST_BEHIND = 1_000
"""Starts that are remembered although they count no more."""


def throttle(
    config: ThrottleConfig, state: FlowState, arrived: Sequence[Group], now: datetime
) -> Step:
    """At most `limit` releases in any stretch of `per`; what waits goes before what arrives.

    What waits since it was `delay` keeps its turn with `drop`. Wakes when the next may go; with
    nobody waiting, when nothing counts any more.
    """
    known = [start for start in state.times if start + config.per + BEHIND > now]
    counted = [start for start in known if start + config.per > now]
    passage = admit(state.waiting, arrived, config.limit - len(counted))
    starting = [now for _ in passage.admitted]
    # Sorted, because the clocks of those who ask may differ a little.
    counted = sorted([*counted, *starting])
    times = tuple(sorted([*known, *starting])[-(len(counted) + _MOST_BEHIND) :])
    forgotten_at = times[-1] + config.per + BEHIND if times else None
    if not passage.waiting and not passage.turned:
        return Step(FlowState(times=times), passage.released, wake_at=forgotten_at)
    # The limit may have shrunk: then more than one has to be forgotten before the next goes.
    next_at = counted[len(counted) - config.limit] + config.per
    started = f"{config.limit} started within {spelled(config.per)}"
    if config.excess is Excess.DELAY:
        reason = f"waits: {started}, the next may at {rfc3339(next_at)}"
        waiting, settled = hold(passage, reason)
    else:
        reason = f"{started}, the next may at {rfc3339(next_at)}"
        waiting = tuple(passage.waiting)
        settled = [Settled(group, Outcome.THROTTLED, reason) for group in passage.turned]
    kept = FlowState(waiting=waiting, times=times)
    wake_at = next_at if waiting else forgotten_at
    return Step(kept, passage.released, settled, wake_at=wake_at)
