"""Misfire: what a definition wants to become of slots that come late.

In: slots that nothing else stands against. Out: decisions about those that will not run, and a
`Proposal` per run that should, which `overlap` has the last word about.

    lag = now - slot; a slot is missed when it is not on time and either lag > 60 s or a later slot
    is due as well

    on time (lag <= 5 s)            fired, own run
    lag > window                    skipped
    late, not missed                late, own run
    missed, policy skip             late, own run
    missed, policy catch_up         the newest max_runs: caught_up, own runs; the others: skipped
    missed, policy compress         with all that is late within the window, in one run for the
                                    newest: compressed

Runs for missed slots are recoveries: they wait for their turn, so that an outage is not followed
by a storm.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from activity_core.core.decision import Outcome
from activity_core.core.definition.misfire import MisfireConfig, MisfirePolicy
from activity_core.core.schedule.gap import Gap
from activity_core.core.schedule.lag import spelled
from activity_core.core.schedule.settlement import (
    MISSED_AFTER,
    ON_TIME,
    Proposal,
    SlotDecision,
    SlotRun,
)


@dataclass(slots=True)
class _Sorted:
    """Slots by what happened to them; put together in this order they are ascending."""

    too_old: list[datetime] = field(default_factory=list)
    missed: list[datetime] = field(default_factory=list)
    late: list[datetime] = field(default_factory=list)
    on_time: list[datetime] = field(default_factory=list)


def propose(
    slots: Sequence[datetime],
    misfire: MisfireConfig,
    now: datetime,
    *,
    newest: datetime,
    later: int,
) -> tuple[list[SlotDecision], list[Proposal]]:
    """Decisions about slots that are skipped, and runs for the others; both ascending.

    Args:
        slots: ascending, none later than `now`.
        misfire: what the definition wants.
        now: the time.
        newest: a slot before it is superseded.
        later: how many slots after the last of these are left to the next call.
    """
    found = _sorted(slots, misfire, now, newest)
    skipped = [
        SlotDecision(
            slot,
            Outcome.SKIPPED,
            f"misfire: {_late_by(slot, now)}, longer than the window of "
            f"{spelled(misfire.longest_delay)}",
        )
        for slot in found.too_old
    ]
    recovered: list[Proposal] = []
    match misfire.policy:
        case MisfirePolicy.SKIP:
            recovered = [_late(slot, Outcome.LATE, now, recovery=True) for slot in found.missed]
        case MisfirePolicy.CATCH_UP:
            first = max(len(found.missed) - max(misfire.most_runs - later, 0), 0)
            skipped += [_outnumbered(slot, misfire.most_runs, now) for slot in found.missed[:first]]
            recovered = [
                _late(slot, Outcome.CAUGHT_UP, now, recovery=True) for slot in found.missed[first:]
            ]
        case MisfirePolicy.COMPRESS if found.missed:
            recovered = [_compressed([*found.missed, *found.late], now)]
            found.late = []  # it is newer than what is missed, so it lies within the window too
    own = [_late(slot, Outcome.LATE, now) for slot in found.late]
    fired = [Proposal(SlotRun(slot), Outcome.FIRED, (slot,)) for slot in found.on_time]
    return skipped, [*recovered, *own, *fired]


def _sorted(
    slots: Sequence[datetime], misfire: MisfireConfig, now: datetime, newest: datetime
) -> _Sorted:
    found = _Sorted()
    for slot in slots:
        lag = now - slot
        if lag <= ON_TIME:
            found.on_time.append(slot)
        elif lag > misfire.longest_delay:
            found.too_old.append(slot)
        elif lag <= MISSED_AFTER and slot >= newest:
            found.late.append(slot)
        else:
            found.missed.append(slot)
    return found


def _late(slot: datetime, outcome: Outcome, now: datetime, *, recovery: bool = False) -> Proposal:
    return Proposal(SlotRun(slot, recovery), outcome, (slot,), _late_by(slot, now))


def _outnumbered(slot: datetime, most: int, now: datetime) -> SlotDecision:
    newest = "the newest missed slot catches" if most == 1 else f"the newest {most} catch"
    return SlotDecision(
        slot, Outcome.SKIPPED, f"misfire: {_late_by(slot, now)}, and only {newest} up"
    )


def _compressed(group: Sequence[datetime], now: datetime) -> Proposal:
    count = f"{len(group)} slots, the first" if len(group) > 1 else "1 slot,"
    return Proposal(
        SlotRun(group[-1], recovery=True, gap=Gap.of(group)),
        Outcome.COMPRESSED,
        tuple(group),
        f"one run for {count} {_late_by(group[0], now)}",
    )


def _late_by(slot: datetime, now: datetime) -> str:
    return f"late by {spelled(now - slot)}"
