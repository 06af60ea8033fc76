"""What every clock keeps."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from activity_core.adapters.memory.clock import ManualClock
from activity_core.adapters.system_clock import SystemClock
from activity_core.ports.clock import Clock


@pytest.mark.parametrize("clock", [ManualClock(), SystemClock()], ids=["memory", "system"])
def test_now_is_aware_in_utc_and_never_goes_back(clock: Clock):
    first, second = clock.now(), clock.now()
    assert first.tzinfo is UTC
    assert first <= second


def test_the_system_clock_tells_the_time():
    assert abs(SystemClock().now() - datetime.now(UTC)) < timedelta(minutes=1)  # noqa: TID251 - the very thing it is compared with


def test_a_manual_clock_stands_still_until_it_is_advanced():
    elsewhere = datetime(2026, 1, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    clock = ManualClock(elsewhere)
    assert clock.now() == clock.now() == datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert clock.advance(timedelta(seconds=1)) == clock.now()
    assert clock.now() == datetime(2026, 1, 1, 12, 0, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="never goes back"):
        clock.advance(timedelta(seconds=-1))
