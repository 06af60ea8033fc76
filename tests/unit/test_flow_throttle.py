"""Throttles: never more than so many starts in any stretch of time, and none later than needed."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.flow_bench import Bench, at, final, inputs, leisurely, one, seconds

from activity_core.core.decision import Outcome
from activity_core.core.definition.flow_control import MOST_WAITING, Excess, ThrottleConfig
from activity_core.core.flow.group import FlowState, Group
from activity_core.core.flow.throttle import BEHIND, throttle

GAPS = st.sampled_from([0, 0.25, 0.5, 1, 1.75, 2, 2.25, 5])
FEEDS = st.lists(st.tuples(GAPS, st.integers(0, 5)), max_size=15)


def bench_of(limit: int, per: float, excess: Excess = Excess.DELAY) -> Bench:
    config = ThrottleConfig(limit=limit, per=seconds(per), excess=excess)
    return Bench(lambda state, arrived, _, now: throttle(config, state, arrived, now))


def run(bench: Bench, feed: list[tuple[float, int]], *, punctual: bool) -> list[datetime]:
    """When each event came."""
    came: list[datetime] = []
    for gap, number in feed:
        bench.wait_until(bench.now + seconds(gap), punctual=punctual)
        bench.feed([one(len(came) + n) for n in range(number)])
        came += [bench.now] * number
    return came


def check_windows(starts: list[datetime], limit: int, per: timedelta) -> None:
    for start in starts:
        assert sum(start <= other < start + per for other in starts) <= limit


@leisurely
@given(FEEDS, st.integers(1, 4), st.sampled_from([0.5, 1, 2]), st.booleans())
def test_delayed_starts_are_in_order_and_as_early_as_may_be(feed, limit, per, punctual):
    bench = bench_of(limit, per)
    came = run(bench, feed, punctual=punctual)
    bench.drain()
    assert bench.state == FlowState()
    assert bench.groups() == [inputs([one(n)]) for n in range(len(came))]
    starts = [when for when, _ in bench.released]
    check_windows(starts, limit, seconds(per))
    if punctual:
        expected: list[datetime] = []
        for arrival in came:
            room_at = expected[-limit] + seconds(per) if len(expected) >= limit else arrival
            expected.append(max([arrival, room_at, *expected[-1:]]))
        assert starts == expected


@leisurely
@given(FEEDS, st.integers(1, 4), st.sampled_from([0.5, 1, 2]), st.booleans())
def test_dropped_are_those_for_which_there_is_no_room(feed, limit, per, punctual):
    bench = bench_of(limit, per, Excess.DROP)
    came = run(bench, feed, punctual=punctual)
    bench.drain()
    starts: list[datetime] = []
    started: list[list[str]] = []
    for number, arrival in enumerate(came):
        if sum(arrival - seconds(per) < start for start in starts) < limit:
            starts.append(arrival)
            started.append(inputs([one(number)]))
    assert bench.groups() == started
    check_windows(starts, limit, seconds(per))
    assert all(item.outcome is Outcome.THROTTLED for _, item in bench.settled)


@leisurely
@given(
    st.lists(st.tuples(GAPS, st.integers(0, 5), st.integers(1, 5)), max_size=15),
    st.lists(st.sampled_from([0.5, 1, 2]), min_size=15, max_size=15),
    st.lists(st.sampled_from(Excess), min_size=15, max_size=15),
)
def test_limits_that_changed_apply_at_once(feed, stretches, excesses):
    """`per` only shrinks: what is forgotten under a shorter one is not remembered for a longer."""
    bench = bench_of(1, 2)
    number = 0
    stretches.sort(reverse=True)
    for (gap, arriving, limit), per, excess in zip(feed, stretches, excesses, strict=False):
        bench.wait_until(bench.now + seconds(gap))
        bench.step = bench_of(limit, per, excess).step
        taken = bench.feed([one(number + n) for n in range(arriving)])
        number += arriving
        recent = [when for when, _ in bench.released if when > bench.now - seconds(per)]
        assert not taken.released or len(recent) <= limit
        assert not bench.state.waiting or len(recent) >= limit
    bench.drain()
    assert bench.state == FlowState()


def test_a_limit_that_shrank_lets_nobody_through_too_early():
    bench = bench_of(5, 10)
    for second in range(5):
        bench.wait_until(at(second))
        bench.feed([one(second)])
    bench.step = bench_of(2, 10).step
    bench.feed([one(6)])
    assert bench.wake_at == at(13), "when only one of the five counts"


def test_reasons_say_when_the_next_may_go():
    delay, drop = bench_of(1, 60), bench_of(1, 60, Excess.DROP)
    [item] = delay.feed([one(1), one(2)]).settled
    assert item.outcome is Outcome.HELD
    assert item.reason == ("waits: 1 started within 1 min, the next may at 2026-11-21T09:01:00Z")
    [item] = drop.feed([one(1), one(2)]).settled
    assert item.reason == "1 started within 1 min, the next may at 2026-11-21T09:01:00Z"


def test_the_line_is_bounded():
    config = ThrottleConfig(limit=1, per=seconds(60))
    crowd = [one(n) for n in range(MOST_WAITING + 2)]
    taken = throttle(config, FlowState(times=(at(0),)), crowd, at(1))
    assert inputs(taken.state.waiting) == inputs(crowd[:MOST_WAITING])
    dropped = final(taken.settled)
    assert inputs(item.group for item in dropped) == inputs(crowd[MOST_WAITING:])
    assert {item.outcome for item in dropped} == {Outcome.DROPPED}


def test_a_batch_counts_with_all_its_events_in_the_line():
    config = ThrottleConfig(limit=1, per=seconds(60))
    full = FlowState(times=(at(0),))
    halves = [
        Group(tuple(one(half * MOST_WAITING + n).leader for n in range(MOST_WAITING // 2 + 1)))
        for half in range(2)
    ]
    taken = throttle(config, full, halves, at(1))
    assert taken.state.waiting == (halves[0],)


def test_events_of_one_occurrence_take_one_start():
    bench = bench_of(1, 60)
    bench.feed([one(1)])
    bench.feed([one(2, same_as="x"), one(3), one(4, same_as="x")])
    bench.wait_until(at(60))
    assert bench.groups()[1:] == [inputs([one(2)]), inputs([one(4)])]
    assert bench.state.times == (at(0), at(60))


def test_clocks_that_differ_do_not_disturb_the_order_of_starts():
    bench = bench_of(2, 10)
    bench.now = at(5)
    bench.feed([one(1)])
    bench.now = at(4)
    taken = bench.feed([one(2), one(3)])
    assert taken.state.times == (at(4), at(5))
    assert taken.wake_at == at(14)
    assert replace(taken.state, times=()) == FlowState(waiting=(one(3),))


def test_a_start_counts_for_one_whose_clock_was_read_before_it_was_forgotten():
    """The router read its clock, then waited for the state; meanwhile the keeper looked."""
    config = ThrottleConfig(limit=1, per=timedelta(seconds=1), excess=Excess.DROP)
    started = throttle(config, FlowState(), [one(1)], at(0)).state
    looked = throttle(config, started, (), at(1.1)).state
    behind = throttle(config, looked, [one(2)], at(0.9))
    assert [settled.outcome for settled in behind.settled] == [Outcome.THROTTLED]
    assert throttle(config, looked, [one(2)], at(1.1)).released == [one(2)]


def test_starts_are_forgotten_in_the_end():
    config = ThrottleConfig(limit=1, per=timedelta(seconds=1))
    started = throttle(config, FlowState(), [one(1)], at(0))
    assert started.wake_at == at(1) + BEHIND
    assert throttle(config, started.state, (), at(1) + BEHIND).state.is_empty
