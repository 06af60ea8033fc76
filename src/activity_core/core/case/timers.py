"""Timers of a case: which one fires next, and when.

In: the definition, and since when the case is open and quiet. Out: the next instant. It depends on
what happened, not on when somebody looks: what was due before an event came fires before it, also
when both are found later. Only a repeating timer makes up for several missed instants at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from activity_core.core.case.case import Case
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.lifecycle import CaseTimer


@dataclass(frozen=True, slots=True)
class TimerDue:
    """A timer and the instant that it fires for."""

    name: str
    at: datetime


def due_timer(definition: ActivityDefinition, case: Case, until: datetime) -> TimerDue | None:
    """The timer that fires first until then (included), for the newest of its instants."""
    found = []
    for name, timer, at in _armed(definition, case):
        if at <= until:
            missed = (until - at) // timer.after if timer.repeat else 0
            found.append(TimerDue(name, at + missed * timer.after))
    return min(found, key=_order, default=None)


def next_timer(definition: ActivityDefinition, case: Case) -> TimerDue | None:
    """The timer that fires next if nothing comes before."""
    armed = (TimerDue(name, at) for name, _, at in _armed(definition, case))
    return min(armed, key=_order, default=None)


def _armed(definition: ActivityDefinition, case: Case) -> Iterator[tuple[str, CaseTimer, datetime]]:
    for name, timer in definition.timers.items():
        since = case.opened_at if timer.since == "opened" else case.last_event_at
        fired = case.fired.get(name)
        if fired is None or fired <= since:
            yield name, timer, since + timer.after
        elif timer.repeat:
            yield name, timer, fired + timer.after


def _order(due: TimerDue) -> tuple[datetime, str]:
    return due.at, due.name
