"""Slots: never more than so many open runs, and who goes next."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.flow_bench import Bench, final, inputs, leisurely, one

from activity_core.core.decision import Outcome
from activity_core.core.definition.flow_control import MOST_WAITING, WhenFull
from activity_core.core.flow.group import FlowState, Group
from activity_core.core.flow.slots import one_by_one, slots

ENDS = st.lists(st.integers(0, 9), max_size=3)
PRIORITIES = st.lists(st.sampled_from([3, 3, 3, 1, 5]), max_size=5)
ROUNDS = st.lists(st.tuples(PRIORITIES, ENDS), max_size=25)


def bench_of(limit: int, when_full: WhenFull = WhenFull.QUEUE) -> Bench:
    return Bench(lambda state, arrived, ended, _: slots(limit, when_full, state, arrived, ended))


def in_order() -> Bench:
    return Bench(lambda state, arrived, ended, _: one_by_one(state, arrived, ended))


def keys(groups: Iterable[Group]) -> list[str]:
    return [group.occurrence_key for group in groups]


def chosen(running: tuple[str, ...], places: list[int]) -> set[str]:
    return {running[place % len(running)] for place in places} if running else set()


@leisurely
@given(ROUNDS, st.lists(st.integers(1, 4), min_size=25, max_size=25), st.booleans())
def test_a_queue_is_that_of_the_oracle(rounds, limits, ordered):
    """Limits that change from step to step included."""
    bench = in_order()
    running: list[str] = []
    line: list[tuple[int, int, str]] = []
    number = 0
    for (arriving, ends), changed in zip(rounds, limits, strict=False):
        limit = 1 if ordered else changed
        if not ordered:
            bench.step = bench_of(limit).step
        ended = chosen(bench.state.running, ends)
        groups = [one(number + n, priority=p) for n, p in enumerate(arriving)]
        running = [key for key in running if key not in ended]
        line += [
            (0 if ordered else group.priority, number + n, group.occurrence_key)
            for n, group in enumerate(groups)
        ]
        number += len(groups)
        expected = []
        while line and len(running) < limit:
            line.remove(first := min(line))
            expected.append(first[2])
            running.append(first[2])
        taken = bench.feed(groups, ended)
        assert keys(taken.released) == expected
        assert list(taken.state.running) == running
        assert keys(taken.state.waiting) == [key for *_, key in sorted(line, key=lambda x: x[1])]
    while bench.state.running:
        bench.feed(ended=bench.state.running)
    assert bench.state == FlowState()
    assert len(bench.released) == number


@leisurely
@given(ROUNDS, st.integers(1, 4))
def test_dropped_are_those_for_which_there_is_no_slot(rounds, limit):
    bench = bench_of(limit, WhenFull.DROP)
    number = 0
    for arriving, ends in rounds:
        groups = [one(number + n) for n in range(len(arriving))]
        number += len(groups)
        ended = chosen(bench.state.running, ends)
        room = limit - len(set(bench.state.running) - ended)
        taken = bench.feed(groups, ended)
        assert keys(taken.released) == keys(groups[:room])
        assert inputs(item.group for item in taken.settled) == inputs(groups[room:])
        assert {item.outcome for item in taken.settled} <= {Outcome.DROPPED}


@leisurely
@given(ROUNDS, st.lists(st.integers(1, 4), min_size=25, max_size=25))
def test_the_newest_take_the_places_of_the_oldest(rounds, limits):
    bench = bench_of(1)
    number = 0
    for (arriving, ends), limit in zip(rounds, limits, strict=False):
        bench.step = bench_of(limit, WhenFull.CANCEL_OLDEST).step
        groups = [one(number + n) for n in range(len(arriving))]
        number += len(groups)
        ended = chosen(bench.state.running, ends)
        still = [key for key in bench.state.running if key not in ended]
        taken = bench.feed(groups, ended)
        after = [*still, *keys(groups)][-limit:] if groups else still
        assert list(taken.state.running) == after
        assert list(taken.displaced) == [key for key in still if key not in after]
        assert keys(taken.released) == [key for key in keys(groups) if key in after]
        assert {item.outcome for item in taken.settled} <= {Outcome.DROPPED}
        assert not taken.state.waiting


def test_what_waits_goes_before_what_would_be_dropped():
    bench = bench_of(1)
    bench.feed([one(1), one(2)])
    bench.step = bench_of(1, WhenFull.DROP).step
    assert bench.feed([one(4)]).state.waiting == (one(2),)
    taken = bench.feed([one(3)], ended=bench.state.running)
    assert taken.released == [one(2)]
    assert [item.outcome for item in taken.settled] == [Outcome.DROPPED]


def test_nobody_waits_once_the_oldest_are_cancelled():
    bench = bench_of(1)
    bench.feed([one(1), one(2), one(3)])
    bench.step = bench_of(1, WhenFull.CANCEL_OLDEST).step
    taken = bench.feed()
    assert taken.released == [one(3)]
    assert list(taken.displaced) == keys([one(1)])
    assert inputs(item.group for item in taken.settled) == inputs([one(2)])


def test_events_of_one_occurrence_take_one_slot():
    bench = bench_of(2)
    bench.feed([one(1, same_as="x"), one(2, same_as="x"), one(3), one(4, same_as="x")])
    assert bench.groups() == [inputs([one(n)]) for n in (1, 2, 3, 4)]
    assert len(bench.state.running) == 2
    bench.feed([one(5), one(6, same_as="y"), one(7, same_as="y")])
    bench.feed(ended=bench.state.running)
    assert bench.groups()[4:] == [inputs([one(n)]) for n in (5, 6, 7)]


@pytest.mark.parametrize("when_full", WhenFull)
def test_what_an_open_run_is_for_needs_no_slot(when_full):
    bench = bench_of(1, when_full)
    [first] = bench.feed([one(1, same_as="x")]).released
    taken = bench.feed([one(2, same_as="x")])
    assert taken.released == [one(2, same_as="x")]
    assert taken.state.running == (first.occurrence_key,)
    assert not taken.displaced


def test_an_end_that_nobody_started_frees_nothing():
    bench = bench_of(1)
    bench.feed([one(1), one(2)])
    assert not bench.feed(ended=["e.unknown", one(2).occurrence_key]).released


def test_reasons_name_what_is_in_the_way():
    [item] = bench_of(1).feed([one(1), one(2)]).settled
    assert (item.outcome, item.reason) == (
        Outcome.HELD,
        "waits: 1 of 1 runs are open",
    )
    [item] = in_order().feed([one(1), one(2)]).settled
    assert item.reason == "waits in order: the run before it is not over"
    [item] = bench_of(1, WhenFull.DROP).feed([one(1), one(2)]).settled
    assert item.reason == "1 of 1 runs are open"


def test_the_line_is_bounded():
    crowd = [one(n) for n in range(MOST_WAITING + 2)]
    taken = slots(1, WhenFull.QUEUE, FlowState(), crowd, ())
    assert len(taken.state.waiting) == MOST_WAITING
    assert inputs(item.group for item in final(taken.settled)) == inputs(crowd[-1:])
    assert one_by_one(FlowState(), crowd, ()).state == taken.state
