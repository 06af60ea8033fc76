"""Settlements for tests: short ways to ask for one, and what must be true of every one."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from activity_core.core.decision import Outcome
from activity_core.core.definition.misfire import MisfireConfig, MisfirePolicy, OverlapPolicy
from activity_core.core.schedule.settlement import (
    ExpectedSlot,
    Settlement,
    SlotPolicy,
    SlotState,
)

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

_NAME_A_RUN = {
    Outcome.FIRED,
    Outcome.LATE,
    Outcome.CAUGHT_UP,
    Outcome.COMPRESSED,
    Outcome.DEDUPLICATED,
}


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def slots_ago(*seconds: float) -> list[ExpectedSlot]:
    return [ExpectedSlot(ago(number)) for number in seconds]


def policy(
    misfire: str = "skip",
    overlap: str = "allow_all",
    *,
    window: float | None = None,
    max_runs: int | None = None,
    idle: str = "",
) -> SlotPolicy:
    config = MisfireConfig(
        policy=MisfirePolicy(misfire),
        window=None if window is None else timedelta(seconds=window),
        max_runs=max_runs,
    )
    return SlotPolicy(config, OverlapPolicy(overlap), idle)


def outcomes(found: Settlement) -> list[str]:
    return [str(decision.outcome) for decision in found.decisions]


def reasons(found: Settlement) -> list[str]:
    return [decision.reason for decision in found.decisions]


def contradictions(
    due: Sequence[ExpectedSlot], wants: SlotPolicy, state: SlotState, found: Settlement
) -> list[str]:
    """What is wrong with a settlement whatever the policies are; empty if nothing."""
    by_slot = {decision.slot: decision for decision in found.decisions}
    run_slots = [run.slot for run in found.runs]
    named = {d.run_for for d in found.decisions if d.outcome is not Outcome.DEDUPLICATED}
    blocked = {slot.at: slot.blocked for slot in due if slot.blocked}
    facts: Mapping[str, bool] = {
        "a slot is decided twice": len(by_slot) != len(found.decisions),
        "a due slot is not decided": not {slot.at for slot in due} <= by_slot.keys(),
        "a slot out of nowhere": not by_slot.keys() <= {*(s.at for s in due), *state.held},
        "not in order": list(by_slot) != sorted(by_slot) or run_slots != sorted(run_slots),
        "a slot runs twice": len(set(run_slots)) != len(run_slots),
        "runs and decisions differ": named - {None} != set(run_slots),
        "a run is not for its own slot": any(
            by_slot[slot].run_for != slot for slot in run_slots if slot in by_slot
        ),
        "an outcome without its run": any(
            (d.outcome in _NAME_A_RUN) != (d.run_for is not None) for d in found.decisions
        ),
        "something stood against a run": any(
            slot in blocked or slot in state.taken for slot in run_slots
        ),
        "an idle definition runs": bool(wants.idle and found.runs),
        "a refusal without its reason": any(
            not d.reason for d in found.decisions if d.outcome is not Outcome.FIRED
        ),
        "displaces what is not there": found.displaces is not None
        and not (state.open_runs and found.runs),
    }
    return [fact for fact, holds in facts.items() if holds]
