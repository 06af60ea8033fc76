"""Composites by named examples: what fires when, what is dropped, and what is said of it."""

from dataclasses import replace

import pytest
from tests.unit.composites import Key, config, count, event, second

from activity_core.core.definition.flow_control import MOST_MEMBERS
from activity_core.core.flow.group import FlowState, Group
from activity_core.core.flow.state_text import state_of, state_text

ALL = config(all_of=["a", "b", "c"])
BOTH = config(all_of=["a", "b"])
IN_ORDER = config(sequence=["a", "b", "c"])
A, B, C = event("1", "a", 0), event("2", "b", 1), event("3", "c", 2)


# -- all_of ---------------------------------------------------------------------------------------


def test_a_whole_fires_with_its_events_in_order_of_time_led_by_the_one_that_completed_it():
    key = Key(ALL).feed([(2, C), (3, A), (4, B)])
    assert [run.members for run in key.runs] == [(A, B, C)]
    assert key.runs[0].leader is B
    assert key.run_at == [4]
    assert key.state == FlowState()


def test_what_it_waits_for_is_said_at_once():
    key = Key(ALL).feed([(1, B)])
    assert key.last["e.2"] == ("held", "waits for a, c, until 2026-11-21T09:00:11Z")
    assert key.wake_at == second(11)


def test_a_window_that_is_over_names_what_was_missing():
    key = Key(ALL).feed([(0, A), (1, B)]).wake()
    assert key.outcomes() == {"1": "dropped", "2": "dropped"}
    assert key.reason("1") == "waited 10.0 s in vain for c"
    assert key.reason("2") == "waited 10.0 s in vain for a, c"
    assert key.runs == []


@pytest.mark.parametrize(("apart", "fires"), [(10, True), (10.001, False)])
def test_within_is_inclusive_and_by_the_events_own_times(apart: float, *, fires: bool):
    key = Key(BOTH).feed([(20, event("1", "a", 0)), (20, event("2", "b", apart))])
    assert bool(key.runs) is fires


@pytest.mark.parametrize(("late", "fires"), [(10, True), (10.001, False)])
def test_the_last_instant_is_in_time(late: float, *, fires: bool):
    key = Key(BOTH)
    key.at(0, event("1", "a", 0))
    key.at(late, event("2", "b", 5))
    assert bool(key.runs) is fires


def test_the_earliest_of_several_is_taken_and_the_others_are_kept_for_the_next():
    a1, a2, b1, b2 = (event("1", "a", 1), event("2", "a", 0), event("3", "b", 2), event("4", "b"))
    key = Key(BOTH).feed([(1, a1), (1, a2), (2, b1)])
    assert key.fired() == ["2 3"]
    key.at(3, b2)
    assert key.fired() == ["2 3", "4 1"]


def test_an_event_of_several_parts_is_whichever_makes_it_complete():
    either, first = event("1", "a b", 0), event("2", "a", 1)
    assert Key(BOTH).feed([(1, either), (1, first)]).fired() == ["1 2"]
    assert Key(BOTH).feed([(1, first), (1, either)]).fired() == ["1 2"]


def test_one_event_is_not_two_parts():
    key = Key(BOTH).feed([(0, event("1", "a b", 0))])
    assert key.runs == []
    assert "waits for b, until" in key.reason("1")


def test_three_that_could_each_be_the_other():
    arrivals = [event("1", "a b", 0), event("2", "b c", 1), event("3", "a", 2)]
    assert Key(ALL).feed([(2, each) for each in arrivals]).fired() == ["1 2 3"]


def test_parts_that_are_all_there_but_too_far_apart():
    key = Key(ALL).feed([(9, event("1", "a", -6)), (9, event("3", "c", 6)), (9, B)])
    assert key.runs == []
    assert key.reason("2").startswith("waits for 3 of them in one window, until")


# -- late and early times -------------------------------------------------------------------------


def test_late_events_find_each_other():
    """Both come an hour after their window, five seconds apart."""
    key = Key(BOTH).feed([(3_600, event("1", "a", 0)), (3_605, event("2", "b", 4))])
    assert key.fired() == ["1 2"]


def test_a_late_event_waits_as_long_as_any():
    key = Key(BOTH).feed([(3_600, event("1", "a", 0))])
    assert key.wake_at == second(3_610)


def test_an_event_of_the_future_is_held_two_windows_at_most():
    key = Key(BOTH).feed([(0, event("1", "a", 4))])
    assert key.wake_at == second(14)
    key = Key(BOTH).feed([(0, event("1", "a", 10**9))])
    assert key.wake_at == second(20)


@pytest.mark.parametrize("year", [1, 9999])
def test_times_at_the_ends_of_the_calendar(year: int):
    edge = (second(0).replace(year=year) - second(0)).total_seconds()
    for trigger in (BOTH, IN_ORDER, config(any_of=["a", "b"]), count(2)):
        key = Key(trigger).feed([(0, event("1", "a t", edge)), (1, event("2", "b", 0))])
        key.wake()
        assert "held" not in key.outcomes().values()


# -- any_of ---------------------------------------------------------------------------------------


def test_any_of_fires_once_per_window():
    key = Key(config(any_of=["a", "b", "c"])).feed(
        [(0, A), (1, B), (2, C), (5, event("4", "a", 5)), (11, event("5", "a", 11))]
    )
    assert key.fired() == ["1", "5"]
    assert key.outcomes()["4"] == "deduplicated"
    assert key.run_of["e.2"] == key.run_of["e.3"] == key.runs[0].occurrence_key == "e.1"


def test_any_of_so_many_distinct_parts():
    key = Key(config(any_of=["a", "b", "c"], at_least=2))
    key.feed([(0, A), (0, event("4", "a", 0)), (0, event("5", "a", -5)), (2, C), (3, B)])
    assert key.fired() == ["5 3"]
    assert key.runs[0].leader is C
    outcomes = {name: key.outcomes()[name] for name in "142"}
    assert outcomes == dict.fromkeys("142", "deduplicated")
    assert {key.run_of[f"e.{name}"] for name in "142"} == {key.runs[0].occurrence_key}
    assert key.wake().state == FlowState()


def test_any_of_that_stays_short_says_how_many_are_missing():
    key = Key(config(any_of=["a", "b", "c"], at_least=2)).feed([(0, A)]).wake()
    assert key.reason("1") == "waited 10.0 s in vain for 1 more of b, c"


def test_before_and_after_the_window_of_a_run_there_is_another():
    key = Key(config(any_of=["a", "b"])).feed([(0, A), (1, event("4", "b", -10))])
    key.at(1, event("5", "b", -10.001))
    assert key.fired() == ["1", "5"]


# -- sequence -------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["123", "132", "213", "231", "312", "321"])
def test_a_sequence_goes_by_the_times_whatever_comes_first(order: str):
    events = {"1": A, "2": B, "3": C}
    key = Key(IN_ORDER).feed([(3, events[name]) for name in order])
    assert [run.members for run in key.runs] == [(A, B, C)]
    assert key.runs[0].leader is events[order[-1]]


def test_a_wrong_order_does_not_fire_and_says_so():
    key = Key(IN_ORDER).feed([(0, event("1", "b", 0)), (1, event("2", "a", 1)), (2, C)]).wake()
    assert key.runs == []
    assert key.reason("1") == "waited 10.0 s in vain for 3 of them in their order in one window"


def test_at_the_same_time_any_order_is_right():
    same = [event("1", "c", 0), event("2", "b", 0), event("3", "a", 0)]
    assert Key(IN_ORDER).feed([(0, each) for each in same]).fired() == ["3 2 1"]


def test_at_the_same_time_each_is_the_part_that_makes_it_complete():
    pair = config(sequence=["a", "b"])
    same = [event("1", "a b", 0), event("2", "a", 0)]
    assert Key(pair).feed([(0, each) for each in same]).fired() == ["2 1"]
    assert Key(pair).feed([(0, each) for each in reversed(same)]).fired() == ["2 1"]


def test_a_sequence_takes_the_start_that_leads_to_an_end_in_time():
    pair = config(sequence=["a", "b"])
    key = Key(pair).feed(
        [(9, event("1", "a", 0)), (9, event("2", "a", 9)), (11, event("3", "b", 11))]
    )
    assert key.fired() == ["2 3"]


# -- count ----------------------------------------------------------------------------------------


def test_a_count_slides_and_uses_each_event_once():
    times = [0, 6, 11, 12, 13, 14, 15]
    key = Key(count(3)).feed([(at, event(str(n), "t", at)) for n, at in enumerate(times)])
    assert key.fired() == ["1 2 3", "4 5 6"]
    assert key.outcomes()["0"] == "dropped"
    assert key.reason("0") == "waited 10.0 s in vain for 3 events in one window"


def test_a_count_does_not_depend_on_the_order_of_arrival():
    key = Key(count(3)).feed([(12, event(str(at), "t", at)) for at in (12, 3, 7)])
    assert key.fired() == ["3 7 12"]


# -- what comes again, bounds, other versions -----------------------------------------------------


def test_an_event_that_comes_again_itself_is_no_second_one():
    key = Key(count(2)).feed([(0, event("1", "t", 0))])
    again = key.at(1, event("1", "t", 0))
    assert (again.released, again.settled) == ([], [])


def test_another_input_about_an_event_that_waits_is_a_repetition():
    key = Key(count(2)).feed([(0, event("1", "t", 0))])
    replayed = event("1", "t", 0)
    key.at(1, replace(replayed, input_key="r.x.1"))
    assert key.last["r.x.1"] == ("deduplicated", "the same event waits here already, as e.1")
    assert key.runs == []


def test_a_step_with_nothing_new_changes_nothing():
    key = Key(ALL).feed([(0, A), (1, B)])
    before = key.state
    step = key.at(1)
    assert (key.state, step.released, step.settled) == (before, [], [])


def test_no_key_holds_more_than_its_bound():
    key = Key(BOTH)
    key.at(0, *(event(str(n), "a", 0) for n in range(MOST_MEMBERS + 2)))
    assert len(key.state.waiting) == MOST_MEMBERS
    assert key.outcomes()["0"] == key.outcomes()["1"] == "dropped"
    assert key.reason("1") == "more than 1000 events wait, and it came first of them"


def test_the_largest_count_fits_the_bound():
    key = Key(count(MOST_MEMBERS))
    key.at(0, *(event(str(n), "t", 0) for n in range(MOST_MEMBERS)))
    assert len(key.runs[0].members) == MOST_MEMBERS


def test_parts_that_a_later_version_does_not_have_are_dropped():
    key = Key(ALL).feed([(0, A), (0, C)])
    key.config = BOTH
    key.at(1, B)
    assert key.fired() == ["1 2"]
    assert key.reason("3") == "this version waits for a, b only"


def test_a_count_that_a_later_version_lowers_fires_for_what_is_there():
    key = Key(count(5)).feed([(0, event(str(n), "t", 0)) for n in range(4)])
    key.config = count(2)
    key.at(1, event("4", "t", 1))
    assert len(key.runs) == 2
    assert key.runs[0].members == tuple(key.came.values())[:2]
    assert key.outcomes()["4"] == "held"


def test_a_state_survives_its_text():
    key = Key(config(any_of=["a", "b", "c"], at_least=2)).feed(
        [(0, A), (1, B), (9, event("3", "c", 30))]
    )
    assert len(key.state.marks) == len(key.state.times) == 1
    assert state_of(state_text(key.state)) == key.state


def test_a_run_is_named_alike_whatever_came_first():
    one = Key(ALL).feed([(2, A), (2, B), (2, C)]).runs[0]
    other = Key(ALL).feed([(2, C), (2, B), (2, A)]).runs[0]
    assert one.occurrence_key == other.occurrence_key == Group((A, B, C)).occurrence_key
