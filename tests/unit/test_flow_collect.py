"""Batches and bursts, against oracles that read the rules off the arrivals alone."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.flow_bench import Bench, at, final, inputs, leisurely, member, one, seconds

from activity_core.core.decision import Outcome
from activity_core.core.definition.flow_control import (
    MOST_MEMBERS,
    BatchConfig,
    DebounceConfig,
    Keep,
)
from activity_core.core.flow.collect import MOST_BYTES, batch, debounce
from activity_core.core.flow.group import FlowState, Group, Member

MIB = 1024 * 1024


@dataclass(frozen=True)
class Arrival:
    at: datetime
    member: Member

    @property
    def group(self) -> Group:
        return Group((self.member,))


SMALL = st.just(100)
SIZES = st.sampled_from([0, 100, MIB, 2 * MIB, 4 * MIB - 100, 4 * MIB, 9 * MIB])


@st.composite
def arrivals(draw: st.DrawFn, sizes: st.SearchStrategy[int] = SMALL) -> list[list[Arrival]]:
    """Several at once, one after the other; the gaps often hit a limit exactly."""
    moment, number, found = 0.0, 0, []
    for _ in range(draw(st.integers(0, 12))):
        moment += draw(st.sampled_from([0, 0.25, 0.5, 1, 1.5, 2, 2.25, 3, 7]))
        together = range(number, number + draw(st.integers(1, 7)))
        number = together.stop
        found.append([Arrival(at(moment), member(n, size=draw(sizes))) for n in together])
    return found


def batch_bench(**fields) -> Bench:
    config = BatchConfig(**fields)
    return Bench(lambda state, arrived, _, now: batch(config, state, arrived, now))


def debounce_bench(**fields) -> Bench:
    config = DebounceConfig(**fields)
    return Bench(lambda state, arrived, _, now: debounce(config, state, arrived, now))


def run(bench: Bench, feed: list[list[Arrival]], *, punctual: bool) -> list[tuple[datetime, Group]]:
    for together in feed:
        bench.wait_until(together[0].at, punctual=punctual)
        bench.feed([arrival.group for arrival in together])
    bench.drain()
    assert bench.state == FlowState()
    return bench.released


def expected_batches(
    feed: list[list[Arrival]], most: int, wait: timedelta
) -> list[tuple[datetime, list[str]]]:
    """When each batch is due, and who is in it."""
    found: list[tuple[datetime, list[Arrival]]] = []
    growing: list[Arrival] = []
    for arrival in (arrival for together in feed for arrival in together):
        together = [*growing, arrival]
        if growing and arrival.at >= growing[0].at + wait:
            found.append((growing[0].at + wait, growing))
            together = [arrival]
        elif growing and sum(each.member.size for each in together) > MOST_BYTES:
            found.append((arrival.at, growing))
            together = [arrival]
        growing = together
        if len(growing) == most or sum(each.member.size for each in growing) >= MOST_BYTES:
            found.append((arrival.at, growing))
            growing = []
    if growing:
        found.append((growing[0].at + wait, growing))
    return [(due, [each.member.input_key for each in group]) for due, group in found]


@leisurely
@given(arrivals(SIZES), st.integers(2, 9), st.sampled_from([1, 2, 5]), st.booleans())
def test_batches_are_those_of_the_oracle(feed, most, wait, punctual):
    bench = batch_bench(max_size=most, max_wait=seconds(wait))
    released = run(bench, feed, punctual=punctual)
    expected = expected_batches(feed, most, seconds(wait))
    assert [inputs([group]) for _, group in released] == [group for _, group in expected]
    if punctual:
        assert [when for when, _ in released] == [due for due, _ in expected]
    for _, group in released:
        assert len(group.members) <= most
        assert group.size <= MOST_BYTES or len(group.members) == 1


def expected_bursts(
    feed: list[list[Arrival]], quiet: timedelta, longest: timedelta
) -> list[tuple[datetime, list[str]]]:
    bursts: list[list[Arrival]] = []
    for arrival in (arrival for together in feed for arrival in together):
        burst = bursts[-1] if bursts else []
        if (
            burst
            and arrival.at - burst[-1].at < quiet
            and arrival.at - burst[0].at < longest
            and len(burst) < MOST_MEMBERS
        ):
            burst.append(arrival)
        else:
            bursts.append([arrival])
    return [
        (
            min(burst[-1].at + quiet, burst[0].at + longest),
            [each.member.input_key for each in burst],
        )
        for burst in bursts
    ]


@leisurely
@given(
    arrivals(),
    st.sampled_from([0.5, 1, 2]),
    st.sampled_from([None, 2, 3]),
    st.sampled_from(Keep),
    st.booleans(),
)
def test_bursts_are_those_of_the_oracle(feed, quiet, longest, keep, punctual):
    bench = debounce_bench(quiet=seconds(quiet), max_wait=longest and seconds(longest), keep=keep)
    released = run(bench, feed, punctual=punctual)
    expected = expected_bursts(feed, seconds(quiet), seconds(longest or 10 * quiet))
    assert [inputs([group]) for _, group in released] == [group for _, group in expected]
    if punctual:
        assert [when for when, _ in released] == [due for due, _ in expected]
    for _, group in released:
        assert group.alone is (keep is not Keep.ALL)
        assert group.lead == (0 if keep is Keep.FIRST else len(group.members) - 1)


def test_a_flood_is_several_batches_at_once():
    bench = batch_bench(max_size=10, max_wait=seconds(1))
    taken = bench.feed([one(number) for number in range(35)])
    assert [len(group.members) for group in taken.released] == [10, 10, 10]
    assert len(taken.state.waiting[0].members) == 5
    assert taken.wake_at == at(1)


def test_who_waits_is_told_until_when():
    bench = batch_bench(max_size=10, max_wait=seconds(90))
    bench.feed([one(1)])
    bench.wait_until(at(30))
    [item] = bench.feed([one(2), one(3)]).settled
    assert inputs([item.group]) == inputs([one(2), one(3)])
    assert item.reason == (
        "waits for its batch of up to 10, until 2026-11-21T09:01:30Z at the latest"
    )


def test_who_waits_for_quiet_is_told_so():
    [item] = debounce_bench(quiet=seconds(2), max_wait=seconds(9)).feed([one(1)]).settled
    assert item.outcome is Outcome.HELD
    assert item.reason == (
        "waits until nothing has come for PT2S, until 2026-11-21T09:00:09Z at the latest"
    )


@pytest.mark.parametrize("keep", Keep)
def test_a_burst_is_bounded(keep):
    bench = debounce_bench(quiet=seconds(2), keep=keep)
    taken = bench.feed([one(number) for number in range(MOST_MEMBERS + 1)])
    assert [len(group.members) for group in taken.released] == [MOST_MEMBERS]
    assert len(taken.state.waiting[0].members) == 1


@pytest.mark.parametrize(("keep", "runs"), [(Keep.ALL, 2), (Keep.LAST, 1), (Keep.FIRST, 1)])
def test_bodies_bound_a_burst_whose_run_gets_all_of_them(keep, runs):
    bench = debounce_bench(quiet=seconds(2), keep=keep)
    bench.feed([one(number, size=3 * MIB) for number in range(2)])
    bench.drain()
    assert len(bench.released) == runs


def test_limits_that_changed_apply_to_what_waits():
    large, small = (
        batch_bench(max_size=100, max_wait=seconds(60)),
        batch_bench(max_size=4, max_wait=seconds(10)),
    )
    large.feed([one(number) for number in range(10)])
    small.text, small.now = large.text, at(5)
    taken = small.feed()
    assert [len(group.members) for group in taken.released] == [4, 4]
    assert taken.wake_at == at(10), "counted from when they came"


def test_a_batch_goes_on_as_a_burst():
    batched, burst = batch_bench(max_wait=seconds(60)), debounce_bench(quiet=seconds(2))
    batched.feed([one(1)])
    burst.text, burst.now = batched.text, at(1)
    burst.feed([one(2)])
    burst.drain()
    assert burst.released == [(at(3), Group((member(1), member(2)), lead=1, alone=True))]


def test_an_event_that_is_replayed_while_it_waits_is_there_once():
    bench = batch_bench(max_size=2, max_wait=seconds(60))
    waits = member(1)
    bench.feed([Group((waits,))])
    replayed = replace(waits, input_key="r.1.e.1")
    at_once = batch_bench(max_wait=seconds(60)).feed([Group((waits,)), Group((replayed,))])
    assert inputs(at_once.state.waiting) == [waits.input_key]
    [item] = final(bench.feed([Group((replayed,))]).settled)
    assert item.outcome is Outcome.DEDUPLICATED
    assert waits.input_key in item.reason
    assert inputs(bench.state.waiting) == [waits.input_key]
