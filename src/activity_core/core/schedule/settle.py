"""Settling: the order in which slots are judged.

In: due slots, policies, what the ledger knows, the time. Out: a `Settlement`.

    1. It has a run already: deduplicated. It is blocked (paused then, an excluded day): skipped.
       The definition is idle (paused now, retired): skipped, and so are held slots.
    2. No run is open: the oldest held slot is released and runs before all others.
    3. `misfire` proposes runs for the others, or skips what came too late.
    4. `overlap` admits them, holds them or skips them.
"""

from collections.abc import Sequence
from datetime import datetime

from activity_core.core.decision import Outcome
from activity_core.core.schedule.lag import spelled
from activity_core.core.schedule.misfire import propose
from activity_core.core.schedule.overlap import admit
from activity_core.core.schedule.settlement import (
    ExpectedSlot,
    Proposal,
    Settlement,
    SlotDecision,
    SlotPolicy,
    SlotRun,
    SlotState,
)


def settle(
    due: Sequence[ExpectedSlot],
    policy: SlotPolicy,
    state: SlotState,
    now: datetime,
    *,
    later: int = 0,
) -> Settlement:
    """Decide about every due slot, and about held ones if no run is open.

    Args:
        due: undecided slots, ascending, none later than `now`.
        policy: what the definition wants now.
        state: what the ledger knows of it.
        now: the time.
        later: how many slots that are not blocked are due after the last of `due` and left to the
            next call. They supersede these and count for `max_runs`; `compress` makes one run per
            call.
    """
    held, settled = _sift([ExpectedSlot(slot) for slot in state.held], policy, state)
    asked, known = _sift(due, policy, state)
    released = held[:1] if not state.open_runs else []
    unblocked = (slot.at for slot in reversed(due) if not slot.blocked)
    newest = now if later else next(unblocked, now)
    skipped, proposals = propose(asked, policy.misfire, now, newest=newest, later=later)
    admitted = admit(
        [*(_release(slot, now) for slot in released), *proposals],
        policy.overlap,
        state.open_runs,
        waiting=len(held) - len(released),
    )
    decisions = [*settled, *known, *skipped, *admitted.decisions]
    return Settlement(
        sorted(decisions, key=lambda decision: decision.slot), admitted.runs, admitted.displaces
    )


def _sift(
    slots: Sequence[ExpectedSlot], policy: SlotPolicy, state: SlotState
) -> tuple[list[datetime], list[SlotDecision]]:
    """Slots that may run, and decisions about those that something stands against."""
    asked: list[datetime] = []
    decided: list[SlotDecision] = []
    for slot in slots:
        if slot.at in state.taken:
            reason = f"{state.taken[slot.at]} is for this slot"
            decided.append(SlotDecision(slot.at, Outcome.DEDUPLICATED, reason, run_for=slot.at))
        elif against := slot.blocked or policy.idle:
            decided.append(SlotDecision(slot.at, Outcome.SKIPPED, against))
        else:
            asked.append(slot.at)
    return asked, decided


def _release(slot: datetime, now: datetime) -> Proposal:
    waited = f"buffered: waited {spelled(now - slot)}"
    return Proposal(SlotRun(slot), Outcome.FIRED, (slot,), waited)
