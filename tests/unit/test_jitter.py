"""Jitter can be foretold, and spreads definitions and slots evenly."""

from datetime import UTC, datetime, timedelta, timezone

from activity_core.core.schedule.jitter import delay

SLOT = datetime(2026, 1, 1, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_the_same_definition_and_slot_always_wait_as_long():
    # A change would start runs of one slot at two times while releases are mixed.
    assert delay("nightly", SLOT, MINUTE) == timedelta(seconds=19, microseconds=543_173)
    elsewhere = SLOT.astimezone(timezone(timedelta(hours=5)))
    assert delay("nightly", elsewhere, MINUTE) == delay("nightly", SLOT, MINUTE)


def test_no_jitter_no_delay():
    assert delay("nightly", SLOT, timedelta()) == timedelta()


def test_it_grows_with_the_longest():
    hour, minute = (delay("nightly", SLOT, longest) for longest in (60 * MINUTE, MINUTE))
    assert abs(hour - 60 * minute) < timedelta(milliseconds=1)


def test_definitions_are_spread_evenly():
    delays = [delay(f"d{n}", SLOT, MINUTE) for n in range(1_000)]
    assert all(timedelta() <= found <= MINUTE for found in delays)
    tenths = [
        sum(n * MINUTE / 10 <= found < (n + 1) * MINUTE / 10 for found in delays) for n in range(10)
    ]
    assert min(tenths) > 70
    assert max(tenths) < 130


def test_slots_of_a_definition_are_spread_too():
    assert len({delay("nightly", SLOT + n * MINUTE, MINUTE) for n in range(100)}) == 100
