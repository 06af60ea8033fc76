"""Events already seen, and when they are forgotten."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.flow_bench import Bench, at, inputs, leisurely, one, seconds

from activity_core.core.decision import Outcome
from activity_core.core.flow.group import FlowState
from activity_core.core.flow.seen import seen

WINDOW = seconds(10)


def bench_of(window: timedelta = WINDOW) -> Bench:
    return Bench(lambda state, arrived, _, now: seen(window, state, arrived, now))


@leisurely
@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, 4, 5, 10, 11]), st.lists(st.sampled_from("abc"))),
        max_size=12,
    ),
    st.booleans(),
)
def test_the_first_of_each_goes_on_until_it_is_forgotten(feed, punctual):
    bench, number = bench_of(), 0
    counts_until: dict[str, datetime] = {}
    for gap, names in feed:
        bench.wait_until(bench.now + seconds(gap), punctual=punctual)
        groups = [one(number + n, same_as=name) for n, name in enumerate(names)]
        number += len(groups)
        expected = []
        for group, name in zip(groups, names, strict=True):
            if counts_until.get(name, bench.now) <= bench.now:
                counts_until[name] = bench.now + WINDOW
                expected.append(group)
        taken = bench.feed(groups)
        assert taken.released == expected
        assert {item.outcome for item in taken.settled} <= {Outcome.DEDUPLICATED}
    bench.drain()
    assert bench.state == FlowState()


def test_the_reason_names_the_first():
    bench = bench_of()
    [first] = inputs(bench.feed([one(1, same_as="a")]).released)
    [item] = bench.feed([one(2, same_as="a")]).settled
    assert item.reason == f"same dedupe_key as {first}, which counts until 2026-11-21T09:00:10Z"
    assert bench.wake_at == at(10)


def test_an_event_that_comes_again_itself_is_no_second_one():
    bench = bench_of()
    bench.feed([one(1, same_as="a")])
    again = seen(WINDOW, bench.state, [one(1, same_as="a")], at(1))
    assert (again.released, again.settled) == ([], [])
