"""Overlap: which of the runs that should start may, while a run of an earlier slot is open.

In: proposals, ascending, a released slot first. Out: a `Settlement` of what they are for.

    allow_all          all run
    skip               one at a time: while a run is open, skipped
    buffer_one         one at a time: while a run is open, one slot is held, others are skipped
    buffer_all         the same with 100 held slots
    cancel_other,      the newest runs and displaces what is open; earlier ones that should start
    terminate_other    now are skipped

A run that starts here is open for those after it. One that is for several slots is asked about
once: held is only its newest slot, the others are skipped.
"""

from collections.abc import Sequence
from datetime import datetime

from activity_core.core.decision import Outcome
from activity_core.core.definition.misfire import OverlapPolicy
from activity_core.core.ids import occurrence_of_slot
from activity_core.core.schedule.settlement import (
    Displacement,
    Proposal,
    Settlement,
    SlotDecision,
    SlotRun,
)

MOST_HELD = 100
"""Slots of a definition that may wait for its runs."""

_ROOM = {OverlapPolicy.SKIP: 0, OverlapPolicy.BUFFER_ONE: 1, OverlapPolicy.BUFFER_ALL: MOST_HELD}
_DISPLACEMENTS = {
    OverlapPolicy.CANCEL_OTHER: Displacement.CANCEL,
    OverlapPolicy.TERMINATE_OTHER: Displacement.TERMINATE,
}


def admit(
    proposals: Sequence[Proposal], policy: OverlapPolicy, open_runs: Sequence[str], waiting: int
) -> Settlement:
    """What becomes of the proposals; `waiting` slots are held before them."""
    if policy is OverlapPolicy.ALLOW_ALL:
        return _run(proposals)
    if policy in _DISPLACEMENTS:
        return _newest(proposals, _DISPLACEMENTS[policy] if open_runs else None)
    return _one_at_a_time(proposals, open_runs, waiting, _ROOM[policy])


def _run(proposals: Sequence[Proposal]) -> Settlement:
    decisions = [decision for proposal in proposals for decision in _decisions(proposal)]
    return Settlement(decisions, [proposal.run for proposal in proposals])


def _newest(proposals: Sequence[Proposal], displaces: Displacement | None) -> Settlement:
    if not proposals:
        return Settlement()
    newest = proposals[-1]
    reason = f"overlap: the slot {occurrence_of_slot(newest.run.slot)} takes its place"
    earlier = [decision for part in proposals[:-1] for decision in _skipped(part.slots, reason)]
    return Settlement([*earlier, *_decisions(newest)], [newest.run], displaces)


def _one_at_a_time(
    proposals: Sequence[Proposal], open_runs: Sequence[str], waiting: int, room: int
) -> Settlement:
    decisions: list[SlotDecision] = []
    runs: list[SlotRun] = []
    blocker = f"{open_runs[0]} is still open" if open_runs else ""
    for proposal in proposals:
        if not blocker:
            decisions += _decisions(proposal)
            runs.append(proposal.run)
            blocker = f"the run of {occurrence_of_slot(proposal.run.slot)} starts before it"
        elif waiting < room:
            waiting += 1
            *others, newest = proposal.slots
            decisions += _skipped(others, f"overlap: {blocker}, and only the newest of them waits")
            decisions.append(SlotDecision(newest, Outcome.HELD, f"waits: {blocker}"))
        else:
            full = f", and {waiting} held already" if room else ""
            decisions += _skipped(proposal.slots, f"overlap: {blocker}{full}")
    return Settlement(decisions, runs)


def _decisions(proposal: Proposal) -> list[SlotDecision]:
    return [
        SlotDecision(slot, proposal.outcome, proposal.reason, run_for=proposal.run.slot)
        for slot in proposal.slots
    ]


def _skipped(slots: Sequence[datetime], reason: str) -> list[SlotDecision]:
    return [SlotDecision(slot, Outcome.SKIPPED, reason) for slot in slots]
