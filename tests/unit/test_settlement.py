"""Settlement by named examples: every policy, every length of outage, every reason."""

from datetime import timedelta

import pytest
from tests.unit.settlements import (
    NOW,
    ago,
    contradictions,
    outcomes,
    policy,
    reasons,
    slots_ago,
)

from activity_core.core.schedule.gap import MOST_LISTED
from activity_core.core.schedule.lag import spelled
from activity_core.core.schedule.settle import settle
from activity_core.core.schedule.settlement import ExpectedSlot, SlotPolicy, SlotState

HOUR, DAY = 3_600, 86_400
FREE = SlotState()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0.0 s"),
        (0.05, "0.0 s"),
        (12.3, "12.3 s"),
        (59.99, "59.9 s"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (7_500, "2 h 5 min"),
        (7_259, "2 h"),
        (3 * DAY + 4 * HOUR + 59, "3 d 4 h"),
    ],
)
def test_lags_are_spelled_in_two_units(seconds: float, words: str) -> None:
    assert spelled(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize("misfire", ["skip", "catch_up", "compress"])
@pytest.mark.parametrize(
    ("lag", "outcome", "reason"),
    [
        (0, "fired", ""),
        (5, "fired", ""),
        (5.1, "late", "late by 5.1 s"),
        (60, "late", "late by 1 min"),
    ],
)
def test_a_single_slot_that_is_not_missed(
    misfire: str, lag: float, outcome: str, reason: str
) -> None:
    found = settle(slots_ago(lag), policy(misfire), FREE, NOW)
    assert (outcomes(found), reasons(found)) == ([outcome], [reason])
    assert [(run.slot, run.recovery, run.gap) for run in found.runs] == [(ago(lag), False, None)]


@pytest.mark.parametrize(
    ("wants", "lags", "expected", "runs", "recoveries"),
    [
        # an outage of a few periods of a short interval
        (policy("skip"), (35, 25, 15, 5), ["late", "late", "late", "fired"], 4, 3),
        (policy("catch_up"), (35, 25, 15, 5), ["caught_up"] * 3 + ["fired"], 4, 3),
        (policy("compress"), (35, 25, 15, 5), ["compressed"] * 3 + ["fired"], 2, 1),
        # the newest is late as well: compress takes it along, the others leave it alone
        (policy("skip", window=600), (300, 30), ["late", "late"], 2, 1),
        (policy("catch_up"), (300, 30), ["caught_up", "late"], 2, 1),
        (policy("compress"), (300, 30), ["compressed", "compressed"], 1, 1),
        # one period missed
        (policy("skip"), (61,), ["skipped"], 0, 0),
        (policy("catch_up"), (61,), ["caught_up"], 1, 1),
        (policy("compress"), (61,), ["compressed"], 1, 1),
        # an outage longer than the window
        (policy("skip"), (2 * HOUR, HOUR, 0), ["skipped", "skipped", "fired"], 1, 0),
        (policy("catch_up"), (2 * DAY, DAY, HOUR), ["skipped", "caught_up", "caught_up"], 2, 2),
        (policy("compress"), (2 * DAY, DAY, HOUR), ["skipped", "compressed", "compressed"], 1, 1),
        (policy("compress", window=60), (2 * DAY, DAY, HOUR), ["skipped"] * 3, 0, 0),
        # more missed than may be caught up with: the newest
        (
            policy("catch_up", max_runs=2),
            (300, 200, 100),
            ["skipped", "caught_up", "caught_up"],
            2,
            2,
        ),
        (policy("catch_up", max_runs=1), (300, 200, 0), ["skipped", "caught_up", "fired"], 2, 1),
    ],
)
def test_outages(
    wants: SlotPolicy, lags: list[float], expected: list[str], runs: int, recoveries: int
) -> None:
    due = slots_ago(*lags)
    found = settle(due, wants, FREE, NOW)
    assert outcomes(found) == expected
    assert len(found.runs) == runs
    assert contradictions(due, wants, FREE, found) == []
    assert sum(run.recovery for run in found.runs) == recoveries


def test_a_window_shorter_than_a_minute_is_kept() -> None:
    found = settle(slots_ago(30), policy(window=10), FREE, NOW)
    assert (outcomes(found), found.runs) == (["skipped"], [])
    assert reasons(found) == ["misfire: late by 30.0 s, longer than the window of 10.0 s"]


def test_a_storm_becomes_one_run_for_the_whole_gap() -> None:
    lags = range(6 * HOUR, 0, -10)
    found = settle(slots_ago(*lags), policy("compress"), FREE, NOW)
    (run,) = found.runs
    assert (run.slot, run.recovery) == (ago(10), True)
    assert run.gap is not None
    assert (run.gap.start, run.gap.end) == (ago(6 * HOUR), ago(10))
    assert run.gap.count == len(found.decisions) == 2_160
    assert run.gap.slots == tuple(ago(lag) for lag in range(10 * MOST_LISTED, 0, -10))
    assert {decision.run_for for decision in found.decisions} == {ago(10)}
    assert set(reasons(found)) == {"one run for 2160 slots, the first late by 6 h"}


def test_a_storm_is_caught_up_with_by_the_newest_runs_oldest_first() -> None:
    found = settle(slots_ago(*range(6 * HOUR, 0, -10)), policy("catch_up"), FREE, NOW)
    assert [run.slot for run in found.runs] == [ago(lag) for lag in range(110, 0, -10)]
    assert outcomes(found)[-12:] == ["skipped"] + ["caught_up"] * 10 + ["late"]


def test_reasons_of_what_was_missed() -> None:
    wants = policy("catch_up", window=2 * HOUR, max_runs=1)
    assert reasons(settle(slots_ago(3 * HOUR, 7_500 - 600, HOUR), wants, FREE, NOW)) == [
        "misfire: late by 3 h, longer than the window of 2 h",
        "misfire: late by 1 h 55 min, and only the newest missed slot catches up",
        "late by 1 h",
    ]
    many = policy("catch_up", max_runs=2)
    assert reasons(settle(slots_ago(300, 200, 100), many, FREE, NOW))[0] == (
        "misfire: late by 5 min, and only the newest 2 catch up"
    )
    (alone,) = settle(slots_ago(100), policy("compress"), FREE, NOW).decisions
    assert alone.reason == "one run for 1 slot, late by 1 min 40 s"


def test_what_stands_against_a_slot_is_asked_in_order() -> None:
    due = [
        ExpectedSlot(ago(300), "paused: by ann"),
        ExpectedSlot(ago(200), "paused: by ann"),
        *slots_ago(100, 0),
    ]
    state = SlotState(taken={ago(300): "run-1", ago(0): "run-2"})
    found = settle(due, policy("compress", idle="retired: gone"), state, NOW)
    assert [(str(d.outcome), d.reason, d.run_for) for d in found.decisions] == [
        ("deduplicated", "run-1 is for this slot", ago(300)),
        ("skipped", "paused: by ann", None),
        ("skipped", "retired: gone", None),
        ("deduplicated", "run-2 is for this slot", ago(0)),
    ]
    assert found.runs == []


def test_a_blocked_slot_supersedes_nothing() -> None:
    due = [*slots_ago(30), ExpectedSlot(ago(0), "paused: by ann")]
    assert outcomes(settle(due, policy("compress"), FREE, NOW)) == ["late", "skipped"]


def test_slots_left_to_the_next_call_supersede_and_count() -> None:
    wants = policy("catch_up", max_runs=3)
    found = settle(slots_ago(50, 40, 30), wants, FREE, NOW, later=2)
    assert outcomes(found) == ["skipped", "skipped", "caught_up"]
    assert outcomes(settle(slots_ago(50, 40), wants, FREE, NOW, later=7)) == ["skipped"] * 2
    (run,) = settle(slots_ago(50, 40, 30), policy("compress"), FREE, NOW, later=2).runs
    assert (run.slot, run.gap and run.gap.count) == (ago(30), 3)
