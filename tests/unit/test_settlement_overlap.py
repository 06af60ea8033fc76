"""Overlap and held slots by named examples."""

import pytest
from tests.unit.settlements import NOW, ago, contradictions, outcomes, policy, reasons, slots_ago

from activity_core.core.schedule.overlap import MOST_HELD
from activity_core.core.schedule.settle import settle
from activity_core.core.schedule.settlement import Displacement, SlotState

BUSY = SlotState(open_runs=("run-1", "run-2"))


@pytest.mark.parametrize(
    ("overlap", "free", "busy"),
    [
        ("allow_all", ["fired"] * 3, ["fired"] * 3),
        ("skip", ["fired", "skipped", "skipped"], ["skipped"] * 3),
        ("buffer_one", ["fired", "held", "skipped"], ["held", "skipped", "skipped"]),
        ("buffer_all", ["fired", "held", "held"], ["held"] * 3),
        ("cancel_other", ["skipped", "skipped", "fired"], ["skipped", "skipped", "fired"]),
        ("terminate_other", ["skipped", "skipped", "fired"], ["skipped", "skipped", "fired"]),
    ],
)
def test_three_slots_at_once(overlap: str, free: list[str], busy: list[str]) -> None:
    due, wants = slots_ago(4, 2, 0), policy(overlap=overlap)
    for state, expected in ((SlotState(), free), (BUSY, busy)):
        found = settle(due, wants, state, NOW)
        assert outcomes(found) == expected
        assert contradictions(due, wants, state, found) == []


def test_open_runs_are_displaced_only_by_a_run() -> None:
    cancel, terminate = policy(overlap="cancel_other"), policy(overlap="terminate_other")
    assert settle(slots_ago(0), cancel, BUSY, NOW).displaces is Displacement.CANCEL
    assert settle(slots_ago(0), terminate, BUSY, NOW).displaces is Displacement.TERMINATE
    assert settle(slots_ago(0), cancel, SlotState(), NOW).displaces is None
    assert settle(slots_ago(3_600), cancel, BUSY, NOW).displaces is None
    assert settle(slots_ago(0), policy(), BUSY, NOW).displaces is None


def test_reasons_name_what_is_in_the_way() -> None:
    due = slots_ago(4, 2, 0)
    assert reasons(settle(due, policy(overlap="skip"), BUSY, NOW))[0] == (
        "overlap: run-1 is still open"
    )
    assert reasons(settle(due, policy(overlap="buffer_one"), SlotState(), NOW)) == [
        "",
        "waits: the run of 2026-03-02T11:59:56Z starts before it",
        "overlap: the run of 2026-03-02T11:59:56Z starts before it, and 1 held already",
    ]
    assert (
        reasons(settle(due, policy(overlap="cancel_other"), BUSY, NOW))[:2]
        == ["overlap: the slot 2026-03-02T12:00:00Z takes its place"] * 2
    )


def test_the_oldest_held_slot_goes_on_when_nothing_is_open() -> None:
    state = SlotState(held=(ago(12), ago(11)))
    found = settle([], policy(overlap="buffer_all"), state, NOW)
    assert [(d.slot, str(d.outcome), d.reason, d.run_for) for d in found.decisions] == [
        (ago(12), "fired", "buffered: waited 12.0 s", ago(12))
    ]
    assert [(run.slot, run.recovery) for run in found.runs] == [(ago(12), False)]


def test_a_released_slot_is_in_the_way_of_those_that_are_due() -> None:
    state = SlotState(held=(ago(12),))
    assert outcomes(settle(slots_ago(0), policy(overlap="buffer_one"), state, NOW)) == [
        "fired",
        "held",
    ]
    two = SlotState(held=(ago(12), ago(11)))
    assert outcomes(settle(slots_ago(0), policy(overlap="buffer_one"), two, NOW)) == [
        "fired",
        "skipped",
    ]
    assert outcomes(settle(slots_ago(0), policy(overlap="cancel_other"), state, NOW)) == [
        "skipped",
        "fired",
    ]


def test_held_slots_stay_held_while_a_run_is_open() -> None:
    state = SlotState(open_runs=("run-1",), held=(ago(12),))
    assert settle([], policy(overlap="buffer_all"), state, NOW).decisions == []


def test_held_slots_that_got_a_run_or_lost_their_definition() -> None:
    state = SlotState(held=(ago(12), ago(11)), taken={ago(12): "run-1"})
    wants = policy(overlap="buffer_all")
    assert outcomes(settle([], wants, state, NOW)) == ["deduplicated", "fired"]
    idle = policy(overlap="buffer_all", idle="paused: by ann")
    found = settle([], idle, SlotState(open_runs=("run-1",), held=(ago(12), ago(11))), NOW)
    assert reasons(found) == ["paused: by ann"] * 2
    assert outcomes(found) == ["skipped"] * 2


def test_a_hundred_slots_wait_at_most() -> None:
    state = SlotState(open_runs=("run-1",), held=tuple(ago(n) for n in range(120, 21, -1)))
    found = settle(slots_ago(4, 2), policy(overlap="buffer_all"), state, NOW)
    assert len(state.held) == MOST_HELD - 1
    assert outcomes(found) == ["held", "skipped"]


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        ("skip", ["skipped", "skipped", "skipped"]),
        ("buffer_one", ["skipped", "held", "skipped"]),
        ("buffer_all", ["skipped", "held", "held"]),
        ("cancel_other", ["skipped", "skipped", "fired"]),
    ],
)
def test_overlap_is_asked_once_for_a_compressed_gap(overlap: str, expected: list[str]) -> None:
    due, wants = slots_ago(300, 200, 0), policy("compress", overlap)
    found = settle(due, wants, BUSY, NOW)
    assert outcomes(found) == expected
    assert contradictions(due, wants, BUSY, found) == []
    free = settle(due, wants, SlotState(), NOW)
    if overlap != "cancel_other":
        assert outcomes(free)[:2] == ["compressed", "compressed"]


def test_catching_up_one_at_a_time_starts_only_the_first() -> None:
    found = settle(slots_ago(300, 200, 100), policy("catch_up", "skip"), SlotState(), NOW)
    assert outcomes(found) == ["caught_up", "skipped", "skipped"]
