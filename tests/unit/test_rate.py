"""Rates: what a limiter lets in, and when it says to come back."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.admission.rate import LONGEST_WAIT, RateLimiter
from activity_core.core.definition.event_source import Rate

START = datetime(2026, 11, 21, 9, tzinfo=UTC)
RATES = st.builds(
    Rate, per_second=st.floats(0.01, 10_000), burst=st.integers(min_value=1, max_value=1_000)
)
MICROSECONDS = st.integers(0, 60_000_000)


@given(RATES, st.lists(st.tuples(MICROSECONDS, st.integers(1, 1_000)), max_size=40))
def test_no_window_lets_in_more_than_the_burst_and_the_rate(
    rate: Rate, asks: list[tuple[int, int]]
) -> None:
    limiter, now = RateLimiter(rate), START
    let_in: list[tuple[datetime, int]] = []
    for pause, wanted in asks:
        now += timedelta(microseconds=pause)
        events = min(wanted, rate.burst)
        if limiter.spend(events, now) == timedelta():
            let_in.append((now, events))
    for first in range(len(let_in)):
        total = 0
        for at, events in let_in[first:]:
            total += events
            window = (at - let_in[first][0]).total_seconds()
            assert total <= rate.burst + rate.per_second * window + 1e-3


@given(RATES, st.lists(st.tuples(MICROSECONDS, st.integers(1, 3_000)), max_size=20))
def test_who_waits_as_told_is_let_in(rate: Rate, asks: list[tuple[int, int]]) -> None:
    limiter, now = RateLimiter(rate), START
    for pause, events in asks:
        now += timedelta(microseconds=pause)
        wait = limiter.spend(events, now)
        if wait and wait < LONGEST_WAIT:
            now += wait
            assert limiter.spend(events, now) == timedelta()


@given(RATES, st.lists(st.tuples(st.integers(-(10**12), 10**12), st.integers(1, 50))))
def test_a_clock_that_leaps_lends_only_for_the_way_forward(
    rate: Rate, asks: list[tuple[int, int]]
) -> None:
    limiter, now, forward, let_in = RateLimiter(rate), START, 0.0, 0
    for leap, wanted in asks:
        events = min(wanted, rate.burst)
        now += timedelta(microseconds=leap)
        forward += max(0, leap) / 1e6
        wait = limiter.spend(events, now)
        assert wait <= LONGEST_WAIT + timedelta(microseconds=1)
        assert wait.total_seconds() <= rate.burst / rate.per_second + 2e-6
        if not wait:
            let_in += events
    assert let_in <= rate.burst + rate.per_second * forward * (1 + 1e-9) + 1e-3


def test_a_clock_that_went_back_does_not_stop_the_refill() -> None:
    limiter = RateLimiter(Rate(per_second=1, burst=1))
    assert not limiter.spend(1, START + timedelta(hours=5))
    assert limiter.spend(1, START)
    assert not limiter.spend(1, START + timedelta(seconds=1))


def test_a_batch_larger_than_the_burst_is_paid_off_afterwards() -> None:
    limiter = RateLimiter(Rate(per_second=10, burst=5))
    assert not limiter.spend(25, START)
    assert limiter.spend(1, START) == timedelta(seconds=2.1, microseconds=1)
    assert limiter.spend(25, START + timedelta(seconds=2.1)) > timedelta()
    assert not limiter.spend(25, START + timedelta(seconds=2.5))


def test_a_refusal_counts_nothing_and_nothing_is_always_let_in() -> None:
    limiter = RateLimiter(Rate(per_second=1, burst=2))
    assert not limiter.spend(3, START)
    for _ in range(10):
        assert limiter.spend(1, START) == timedelta(seconds=2, microseconds=1)
    assert not limiter.spend(0, START)
    assert not limiter.spend(1, START + timedelta(seconds=2))


def test_the_slowest_rate_says_to_ask_again() -> None:
    limiter = RateLimiter(Rate(per_second=1e-300, burst=1))
    assert not limiter.spend(1, START)
    assert limiter.spend(1, START) == LONGEST_WAIT + timedelta(microseconds=1)
