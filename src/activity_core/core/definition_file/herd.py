"""Herds: many definitions that are due in the same second.

In: the definitions of a set, calendars, the time. Out: advice: a jitter that would spread them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.duration import parse_duration
from activity_core.core.expression.condition import rfc3339
from activity_core.core.schedule.slots import next_slots, shortest_period
from activity_core.core.schedule.spec import ScheduleSpec, schedule_of

AT_EASE = 30
"""Runs that may start in one second without a word; a small server's Temporal does as many."""

_LOOKED_AT = 10
_NAMED = 3
_JITTERS = ("1s", "2s", "5s", "10s", "15s", "30s", "1m", "2m", "5m", "10m", "15m", "30m", "1h")


def herd(
    definitions: Iterable[ActivityDefinition], calendars: Mapping[str, Calendar], now: datetime
) -> list[tuple[str, str]]:
    """One piece of advice per herd, largest first, with the id of its first definition.

    A definition is counted in one herd only. Looks at the next 10 slots of each; those with jitter
    or not enabled do not count.
    """
    due: defaultdict[datetime, set[str]] = defaultdict(set)
    specs: dict[str, ScheduleSpec] = {}
    clock_of: dict[str, str] = {}
    for clock, group in _same_clocks(definitions).items():
        spec = schedule_of(group[0], calendars)
        if spec is None or spec.jitter:
            continue
        specs[clock] = spec
        ids = [definition.id for definition in group]
        clock_of.update(dict.fromkeys(ids, clock))
        for slot in next_slots(spec, now, _LOOKED_AT):
            if not slot.excluded:
                due[slot.at].update(ids)
    found = []
    for at, members in _herds(due):
        clocks = {clock_of[member] for member in members}
        period = min(shortest_period(specs[clock], now) or timedelta.max for clock in clocks)
        if jitter := _jitter(len(members), period):
            found.append((members[0], _told(members, at, jitter)))
    return found


def _same_clocks(
    definitions: Iterable[ActivityDefinition],
) -> dict[str, list[ActivityDefinition]]:
    """Enabled definitions by what their slot triggers say, so that slots are computed once."""
    found: defaultdict[str, list[ActivityDefinition]] = defaultdict(list)
    for definition in definitions:
        if definition.enabled and definition.trigger.slot_triggers:
            clock = definition.trigger.model_dump_json(include={"cron", "interval", "calendar"})
            found[clock].append(definition)
    return found


def _herds(due: Mapping[datetime, set[str]]) -> Iterator[tuple[datetime, Sequence[str]]]:
    """Disjoint groups, ids in order; the instants that lose the most members come first."""
    gathered: set[str] = set()
    for at, ids in sorted(due.items(), key=lambda item: (-len(item[1]), item[0])):
        members = sorted(ids - gathered)
        if len(members) > AT_EASE:
            gathered.update(members)
            yield at, members


def _jitter(count: int, period: timedelta) -> str:
    """The shortest that spreads them, as far as the period allows; empty if none fits."""
    fitting = [text for text in _JITTERS if parse_duration(text) < period]
    needed = timedelta(seconds=ceil(count / AT_EASE))
    enough = (text for text in fitting if parse_duration(text) >= needed)
    return next(enough, fitting[-1] if fitting else "")


def _told(members: Sequence[str], at: datetime, jitter: str) -> str:
    named = ", ".join(members[:_NAMED])
    return (
        f"{len(members)} definitions ({named}, …) have a slot at {rfc3339(at)} and no jitter; "
        f"`jitter: {jitter}` in each would spread their starts"
    )
