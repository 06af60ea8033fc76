"""Composites: several events that together make one run, or one that does not come.

In: events as one-member groups whose `parts` say what they may be, for one key. Out: a group per
whole, in order of time, led by the event that completed it. `whole` knows what is complete,
`absence` does the rest for events that do not come, `held` keeps what waits.

What belongs together is told by the events' own times, whatever the order in which they come. How
long we wait is told by our clock: an event is held `within` after it came, or after its own time if
that is later (but counted at most `within` ahead). So one that comes late, even after its window
is over, still finds those that are as late, and everything ends.
"""

from collections.abc import Sequence
from datetime import datetime

from activity_core.core.decision import Outcome
from activity_core.core.definition.composite import CompositeTriggerConfig
from activity_core.core.expression.condition import rfc3339
from activity_core.core.flow.absence import absence
from activity_core.core.flow.group import FlowState, Group, Member, Step
from activity_core.core.flow.held import Held
from activity_core.core.flow.whole import by_time, missing, whole
from activity_core.core.schedule.lag import spelled

_RUN = "run"


def composite(
    config: CompositeTriggerConfig, state: FlowState, arrived: Sequence[Group], now: datetime
) -> Step:
    """Take what came into account, in that order, and end what is over by `now`.

    An event is used once. Where several would do, the earliest is; one that may be several parts
    is whichever makes the whole complete. Once `any_of` has fired, what else lies in the same
    window is `deduplicated`. What is over is `dropped`, and the reason names what was missing.
    """
    held = Held.of(state, [name for name, _ in config.parts], config.within, now)
    if config.absent_ is not None:
        return absence(config, held, arrived)
    _drop_the_over(config, held, at_once=False)
    for group in held.newcomers(arrived):
        _admit(config, held, group)
    _drop_the_over(config, held, at_once=True)
    return held.step()


def _admit(config: CompositeTriggerConfig, held: Held, group: Group) -> None:
    came = group.leader
    if run := _run_of(held, came):
        held.settle(group, Outcome.DEDUPLICATED, "the same window has its run already", run)
        return
    held.add(group)
    while events := whole(config, _around(held, came)):
        _fire(config, held, events)
    if came.input_key in held.groups:
        until = rfc3339(held.untils[came.input_key])
        reason = f"waits for {_lack(config, _around(held, came))}, until {until}"
        held.settle(group, Outcome.HELD, reason)


def _fire(config: CompositeTriggerConfig, held: Held, events: Sequence[Member]) -> None:
    keys = [event.input_key for event in events]
    completed = [key for key in held.groups if key in keys][-1]
    for key in keys:
        held.take(key)
    run = Group(tuple(events), keys.index(completed))
    held.released.append(run)
    if config.any_of_ is None:
        return
    first, last = events[0].at.isoformat(), events[-1].at.isoformat()
    held.remember(run.leader, f"{_RUN} {run.occurrence_key} {first} {last}")
    for group in list(held.groups.values()):
        if _run_of(held, group.leader):
            held.take(group.leader.input_key)
            reason = "the same window has its run"
            held.settle(group, Outcome.DEDUPLICATED, reason, run.occurrence_key)


def _run_of(held: Held, event: Member) -> str | None:
    """Occurrence key of the run of an `any_of` that the event would have been `within` reach of."""
    for mark in held.marks:
        kind, *words = mark.text.split()
        if kind != _RUN:
            continue
        run, first, last = words[0], *map(datetime.fromisoformat, words[1:])
        if last - event.at <= held.within and event.at - first <= held.within:
            return run
    return None


def _drop_the_over(config: CompositeTriggerConfig, held: Held, *, at_once: bool) -> None:
    span = spelled(config.within)
    reasons = {
        key: f"waited {span} in vain for {_lack(config, _around(held, held.groups[key].leader))}"
        for key in held.over(at_once=at_once)
    }
    for key, reason in reasons.items():
        held.drop(key, reason)


def _around(held: Held, event: Member) -> list[Member]:
    """What is held and could be in one window with the event, in order of time."""
    members = (group.leader for group in held.groups.values())
    return sorted((each for each in members if abs(each.at - event.at) <= held.within), key=by_time)


def _lack(config: CompositeTriggerConfig, events: Sequence[Member]) -> str:
    """What is missing among events that are no whole."""
    if config.count_ is not None:
        return f"{config.count_.at_least} events in one window"
    names = missing(config, events)
    there = len(config.parts) - len(names)
    wanted = (config.at_least or 1) if config.any_of_ is not None else len(config.parts)
    if there >= wanted:
        order = " in their order" if config.sequence_ is not None else ""
        return f"{wanted} of them{order} in one window"
    more = f"{wanted - there} more of " if config.any_of_ is not None else ""
    return more + ", ".join(names)
