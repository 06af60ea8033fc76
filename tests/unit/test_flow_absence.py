"""Absences by named examples: what is missed when, and what came in time."""

from datetime import timedelta

import pytest
from tests.unit.composites import Key, absent, config, event, second

from activity_core.core.definition.flow_control import MOST_MEMBERS
from activity_core.core.flow.group import FlowState
from activity_core.core.flow.state_text import state_of, state_text

AFTER, BEAT = absent(), absent(after=False)
Y, X = event("y", "y", 0), event("x", "x", 5)


def beat(name: str, at: float):
    return event(name, "x", at)


# -- after another event --------------------------------------------------------------------------


def test_nothing_came_in_time():
    key = Key(AFTER).feed([(0, Y)])
    assert key.last["e.y"] == ("held", "fires unless x comes, until 2026-11-21T09:00:10Z")
    key.wake()
    assert (key.fired(), key.run_at, key.state) == (["y"], [10], FlowState())


def test_it_came_in_time():
    key = Key(AFTER).feed([(0, Y), (5, X)]).wake()
    assert key.runs == []
    assert key.reason("y") == "x came in time, 2026-11-21T09:00:05Z: e.x"
    assert key.reason("x") == "came in time for 1 y"


def test_it_had_come_before_by_order_of_arrival():
    key = Key(AFTER).feed([(6, X)])
    until = "2026-11-21T09:00:16Z"
    assert key.reason("x") == f"no y waits for it; counts until {until} for one that is late"
    key.feed([(15.9, Y)]).wake()
    assert key.reason("y") == "x came in time, 2026-11-21T09:00:05Z: e.x"
    assert key.runs == []


def test_what_is_remembered_is_forgotten_in_the_end():
    key = Key(AFTER).feed([(6, X), (16.1, Y)]).wake()
    assert key.fired() == ["y"]


@pytest.mark.parametrize(("at", "fires"), [(-0.001, True), (0, False), (10, False), (10.001, True)])
def test_both_ends_of_the_window_count(at: float, *, fires: bool):
    for order in ("xy", "yx"):
        both = {"x": event("x", "x", at), "y": Y}
        key = Key(AFTER).feed([(0, both[name]) for name in order]).wake()
        assert bool(key.runs) is fires


def test_one_answers_all_that_wait_and_those_still_to_come():
    waits = [event(f"y{n}", "y", n) for n in range(4)]
    key = Key(AFTER).feed([(4, waits[0]), (4, waits[1]), (5, X), (6, waits[2]), (6, waits[3])])
    key.wake()
    assert key.runs == []
    assert key.reason("x") == "came in time for 2 y"


def test_too_late_by_our_clock_is_too_late():
    key = Key(AFTER).feed([(0, Y), (10.001, X)]).wake()
    assert key.fired() == ["y"]


def test_the_last_instant_is_in_time():
    key = Key(AFTER)
    key.at(0, Y)
    key.at(10, X)
    assert key.wake().runs == []


def test_a_late_event_is_waited_for_as_long_as_any():
    """An hour behind, as after an outage: what belongs to it may be as late."""
    key = Key(AFTER).feed([(3_600, Y), (3_609, X)]).wake()
    assert key.runs == []
    key = Key(AFTER).feed([(3_600, Y)]).wake()
    assert key.run_at == [3_610]


def test_one_that_is_both_answers_and_waits_itself():
    key = Key(AFTER).feed([(at, event(f"z{at}", "y x", at)) for at in (0, 4, 8)]).wake()
    assert key.fired() == ["z8"]
    assert key.reason("z0") == "x came in time, 2026-11-21T09:00:04Z: e.z4"


def test_parts_are_called_as_their_definition_calls_them():
    trigger = config(
        absent={"type": "p", "name": "payment", "after": {"type": "o", "name": "order"}}
    )
    key = Key(trigger).feed([(0, event("1", "order", 0)), (1, event("2", "payment", 1))])
    assert key.reason("1").startswith("payment came in time, 2026-11-21T09:00:01Z: e.2")
    assert key.reason("2") == "came in time for 1 order"


def test_no_key_waits_for_more_than_its_bound():
    key = Key(AFTER)
    key.at(0, *(event(f"y{n}", "y", 0) for n in range(MOST_MEMBERS + 1)))
    assert len(key.state.waiting) == MOST_MEMBERS
    assert key.reason("y0") == "more than 1000 events wait, and it came first of them"
    key.at(9, *(event(f"x{n}", "x", -1) for n in range(MOST_MEMBERS + 1)))
    assert len(key.state.marks) == MOST_MEMBERS


def test_a_state_survives_its_text():
    key = Key(AFTER).feed([(0, Y), (1, event("x", "x", -1))])
    assert len(key.state.marks) == len(key.state.waiting) == 1
    assert state_of(state_text(key.state)) == key.state


# -- heartbeats -----------------------------------------------------------------------------------


def test_a_heartbeat_that_stops_fires_once_for_the_last_one():
    key = Key(BEAT).feed([(at, beat(f"b{at}", at)) for at in (0, 9, 19)]).wake()
    assert (key.fired(), key.run_at) == (["b19"], [29])
    assert key.reason("b0") == "the next one came in time: e.b9"
    assert key.state == FlowState()


def test_each_silence_fires_again_after_the_next_heartbeat():
    key = Key(BEAT).feed([(at, beat(f"b{at}", at)) for at in (0, 20, 29)]).wake()
    assert (key.fired(), key.run_at) == (["b0", "b29"], [10, 39])


def test_heartbeats_in_the_wrong_order():
    key = Key(BEAT).feed([(8, beat("late", 8)), (9, beat("early", 2))])
    assert key.reason("early") == "a later one is waited after already: e.late"
    key.wake()
    assert (key.fired(), key.run_at) == (["late"], [19])


def test_a_heartbeat_of_the_far_future_hides_no_silence_and_makes_none_up():
    ahead = beat("ahead", timedelta(days=1).total_seconds())
    key = Key(BEAT).feed([(0, ahead), *((at, beat(f"b{at}", at)) for at in (9, 18, 27))])
    assert key.runs == []
    assert key.wake().run_at == [37]


def test_a_state_of_another_kind_of_composite_waits_no_more():
    key = Key(AFTER).feed([(0, Y)])
    key.config = BEAT
    key.at(1)
    assert key.reason("y") == "this version waits for x only"
    assert key.wake_at is None


def test_wakes_when_something_must_end():
    assert Key(BEAT).feed([(0, beat("b", 0))]).wake_at == second(10)
