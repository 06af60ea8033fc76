"""Settlement by its properties, and against an oracle that reads the rules slot by slot."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.settlements import NOW, ago, contradictions, policy, slots_ago

from activity_core.core.decision import Outcome
from activity_core.core.definition.misfire import MisfirePolicy, OverlapPolicy
from activity_core.core.schedule.gap import Gap
from activity_core.core.schedule.settle import settle
from activity_core.core.schedule.settlement import (
    Displacement,
    ExpectedSlot,
    Settlement,
    SlotPolicy,
    SlotRun,
    SlotState,
)

MISFIRES, OVERLAPS = list(MisfirePolicy), list(OverlapPolicy)
LAGS = st.one_of(
    st.sampled_from([0, 4.9, 5, 5.1, 30, 59.9, 60, 60.1, 3_600, 86_400, 86_401]),
    st.floats(0, 200),
)


@st.composite
def policies(draw: st.DrawFn, overlaps: Sequence[OverlapPolicy] = OVERLAPS) -> SlotPolicy:
    misfire = draw(st.sampled_from(MISFIRES))
    most = draw(st.integers(1, 6)) if misfire is MisfirePolicy.CATCH_UP else None
    window = draw(st.one_of(st.none(), st.sampled_from([2.0, 20.0, 60.0, 150.0, 90_000.0])))
    overlap = draw(st.sampled_from(overlaps))
    idle = draw(st.sampled_from(["", "", "", "paused: now"]))
    return policy(misfire, overlap, window=window, max_runs=most, idle=idle)


@st.composite
def dues(draw: st.DrawFn) -> list[ExpectedSlot]:
    instants = sorted(draw(st.sets(LAGS.map(ago), max_size=25)))
    return [
        ExpectedSlot(at, draw(st.sampled_from(["", "", "", "paused: then"]))) for at in instants
    ]


@st.composite
def states(draw: st.DrawFn, due: Sequence[ExpectedSlot]) -> SlotState:
    before = due[0].at if due else NOW
    held = [before - timedelta(seconds=n) for n in range(draw(st.integers(0, 3)), 0, -1)]
    asked = [*held, *(slot.at for slot in due)]
    taken = draw(st.sets(st.sampled_from(asked), max_size=4)) if asked else set()
    open_runs = [f"run-{n}" for n in range(draw(st.integers(0, 2)))]
    return SlotState(open_runs, held, dict.fromkeys(taken, "run-of-slot"))


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[ExpectedSlot], SlotPolicy, SlotState]:
    due = draw(dues())
    return due, draw(policies()), draw(states(due))


def expected_outcome(
    slot: ExpectedSlot, due: Sequence[ExpectedSlot], wants: SlotPolicy, taken: Sequence[datetime]
) -> Outcome:
    """What the rules say about one slot under `allow_all`, without looking at any other verdict."""
    window = wants.misfire.longest_delay

    def lag(one: ExpectedSlot) -> timedelta:
        return NOW - one.at

    def stands(one: ExpectedSlot) -> bool:
        return one.at not in taken and not one.blocked and not wants.idle

    def missed(one: ExpectedSlot) -> bool:
        superseded = any(other.at > one.at and not other.blocked for other in due)
        return lag(one) > timedelta(minutes=1) or (lag(one) > timedelta(seconds=5) and superseded)

    if not stands(slot):
        return Outcome.DEDUPLICATED if slot.at in taken else Outcome.SKIPPED
    if lag(slot) <= timedelta(seconds=5):
        return Outcome.FIRED
    if lag(slot) > window:
        return Outcome.SKIPPED
    recoverable = [s for s in due if stands(s) and missed(s) and lag(s) <= window]
    match wants.misfire.policy:
        case MisfirePolicy.CATCH_UP if missed(slot):
            rank = sum(other.at > slot.at for other in recoverable)
            return Outcome.CAUGHT_UP if rank < wants.misfire.most_runs else Outcome.SKIPPED
        case MisfirePolicy.COMPRESS if recoverable:
            return Outcome.COMPRESSED
    return Outcome.LATE


@given(questions())
def test_nothing_contradicts_itself(
    question: tuple[list[ExpectedSlot], SlotPolicy, SlotState],
) -> None:
    due, wants, state = question
    assert contradictions(due, wants, state, settle(due, wants, state, NOW)) == []


@settings(max_examples=300)
@given(st.data())
def test_misfire_is_what_the_oracle_says(data: st.DataObject) -> None:
    due = data.draw(dues())
    wants = data.draw(policies([OverlapPolicy.ALLOW_ALL]))
    state = replace(data.draw(states(due)), held=())
    found = settle(due, wants, state, NOW)
    assert [decision.outcome for decision in found.decisions] == [
        expected_outcome(slot, due, wants, list(state.taken)) for slot in due
    ]


@given(questions())
def test_recovery_is_bounded(question: tuple[list[ExpectedSlot], SlotPolicy, SlotState]) -> None:
    due, wants, state = question
    found = settle(due, wants, state, NOW)
    recovered = [run for run in found.runs if run.recovery]
    gaps = [run.gap for run in found.runs if run.gap]
    compressed = [d.slot for d in found.decisions if d.outcome is Outcome.COMPRESSED]
    match wants.misfire.policy:
        case MisfirePolicy.CATCH_UP:
            assert len(recovered) <= wants.misfire.most_runs
        case MisfirePolicy.COMPRESS:
            assert len(recovered) == len(gaps) <= 1
    assert gaps == ([Gap.of(compressed)] if compressed else [])
    assert all(NOW - run.slot <= wants.misfire.longest_delay for run in recovered)


@given(questions(), st.integers(0, 25))
def test_two_halves_never_run_a_slot_twice(
    question: tuple[list[ExpectedSlot], SlotPolicy, SlotState], cut: int
) -> None:
    due, wants, state = question
    first, second = due[:cut], due[cut:]
    later = sum(not slot.blocked for slot in second)
    one = settle(first, wants, state, NOW, later=later)
    decided = {d.slot for d in one.decisions}
    after = SlotState(
        [*state.open_runs, *(str(run.slot) for run in one.runs)],
        [slot for slot in state.held if slot not in decided]
        + [d.slot for d in one.decisions if d.outcome is Outcome.HELD],
        {**state.taken, **{run.slot: "run" for run in one.runs}},
    )
    two = settle(second, wants, after, NOW)
    assert not {run.slot for run in one.runs} & {run.slot for run in two.runs}
    assert {slot.at for slot in due} <= decided | {d.slot for d in two.decisions}
    runs = [*one.runs, *two.runs]
    if wants.misfire.policy is MisfirePolicy.CATCH_UP:
        assert sum(run.recovery for run in runs) <= wants.misfire.most_runs
    if wants.overlap is OverlapPolicy.ALLOW_ALL and wants.misfire.policy is MisfirePolicy.SKIP:
        whole = settle(due, wants, state, NOW)
        fired = {run.slot for run in whole.runs} - set(state.held)
        assert {run.slot for run in runs} - set(state.held) == fired


@given(st.data())
def test_one_at_a_time(data: st.DataObject) -> None:
    room = {OverlapPolicy.SKIP: 0, OverlapPolicy.BUFFER_ONE: 1, OverlapPolicy.BUFFER_ALL: 100}
    due = data.draw(dues())
    wants, state = data.draw(policies(list(room))), data.draw(states(due))
    found = settle(due, wants, state, NOW)
    assert len(found.runs) + bool(state.open_runs) <= 1 or not found.runs
    still = set(state.held) - {d.slot for d in found.decisions}
    held = [d for d in found.decisions if d.outcome is Outcome.HELD]
    assert not held or len(still) + len(held) <= room[wants.overlap]
    standing = [slot for slot in state.held if slot not in state.taken and not wants.idle]
    if standing and not state.open_runs:
        assert [run.slot for run in found.runs] == standing[:1]


@given(st.data())
def test_only_the_newest_displaces(data: st.DataObject) -> None:
    displacing = {
        OverlapPolicy.CANCEL_OTHER: Displacement.CANCEL,
        OverlapPolicy.TERMINATE_OTHER: Displacement.TERMINATE,
    }
    due = data.draw(dues())
    wants, state = data.draw(policies(list(displacing))), data.draw(states(due))
    found = settle(due, wants, state, NOW)
    everything = settle(due, replace(wants, overlap=OverlapPolicy.ALLOW_ALL), state, NOW)
    assert list(found.runs) == list(everything.runs)[-1:]
    shall = bool(found.runs and state.open_runs)
    assert found.displaces == (displacing[wants.overlap] if shall else None)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda s: replace(s, decisions=s.decisions[1:]), "a due slot is not decided"),
        (
            lambda s: replace(s, decisions=[*s.decisions, s.decisions[-1]]),
            "a slot is decided twice",
        ),
        (lambda s: replace(s, runs=[*s.runs, s.runs[-1]]), "a slot runs twice"),
        (lambda s: replace(s, runs=s.runs[:-1]), "runs and decisions differ"),
        (lambda s: replace(s, runs=[SlotRun(ago(300)), *s.runs]), "something stood against a run"),
        (lambda s: replace(s, runs=s.runs[::-1]), "not in order"),
        (lambda s: replace(s, displaces=Displacement.CANCEL), "displaces what is not there"),
    ],
)
def test_contradictions_would_be_seen(spoil: object, said: str) -> None:
    assert callable(spoil)
    due = [ExpectedSlot(ago(300), "paused: then"), *slots_ago(200, 100, 0)]
    wants, state = policy("catch_up"), SlotState()
    found: Settlement = settle(due, wants, state, NOW)
    assert contradictions(due, wants, state, found) == []
    assert said in contradictions(due, wants, state, spoil(found))
