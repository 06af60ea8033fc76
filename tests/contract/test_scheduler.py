"""What every scheduler keeps. Another adapter joins as a parameter of `scheduler`."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from activity_core.adapters.memory.scheduler import MemoryScheduler
from activity_core.core.definition.cron import parse_cron
from activity_core.core.definition.wall_calendar import calendars
from activity_core.core.errors import UnavailableError
from activity_core.core.schedule.clock import ClockSpec
from activity_core.core.schedule.spec import IntervalSpec
from activity_core.ports.scheduler import ExistingSchedule, Scheduler, WantedSchedule


def cron(*expressions: str, timezone: str = "UTC") -> ClockSpec:
    found = (calendar for text in expressions for calendar in calendars(parse_cron(text)))
    return ClockSpec(tuple(found), timezone=timezone)


def shown(wanted: WantedSchedule) -> ExistingSchedule:
    return ExistingSchedule(wanted.schedule_id, wanted.clock.fingerprint, wanted.paused)


HOURLY = ClockSpec(intervals=(IntervalSpec(timedelta(hours=1)),))
DAILY = ClockSpec(intervals=(IntervalSpec(timedelta(days=1)),))
CHASE, OTHER = "activity-schedule-chase", "activity-schedule-other"
WANTED = WantedSchedule(CHASE, HOURLY, paused=False)

CLOCKS = {
    "interval with offset": ClockSpec(
        intervals=(
            IntervalSpec(timedelta(hours=2), timedelta(seconds=1)),
            IntervalSpec(timedelta(days=3)),
        )
    ),
    "cron": cron("*/15,50 9-17/2 * * MON-FRI", timezone="Europe/Berlin"),
    "day or weekday": cron("0 3 13 * 5", "0 0 29 2 *", timezone="Australia/Lord_Howe"),
    "both": replace(cron("@daily"), intervals=HOURLY.intervals),
    "bounds": replace(
        HOURLY,
        starts=datetime(2026, 1, 1, 8, 30, 0, 1, UTC),
        ends=datetime(2060, 12, 31, 22, 59, 59, 999_999, UTC),
    ),
    "many": cron(*(f"{minute} {hour} * * *" for minute in (1, 7) for hour in range(13))),
}
"""Whatever a clock may say; the last says more than Temporal's list shows."""


@pytest.fixture(params=["memory"])
def scheduler(request: pytest.FixtureRequest) -> Scheduler:
    return MemoryScheduler()


async def test_nothing_is_there_at_first(scheduler: Scheduler):
    assert dict(await scheduler.existing()) == {}
    assert await scheduler.find(CHASE) is None


async def test_what_was_put_is_there(scheduler: Scheduler):
    for _ in range(2):
        await scheduler.put(WANTED)
    assert dict(await scheduler.existing()) == {CHASE: shown(WANTED)}
    assert await scheduler.find(CHASE) == shown(WANTED)
    page = await scheduler.page()
    assert (dict(page.schedules), page.following) == ({CHASE: shown(WANTED)}, b"")


@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS.keys())
async def test_a_clock_is_seen_as_it_was_put(scheduler: Scheduler, clock: ClockSpec):
    wanted = replace(WANTED, clock=clock)
    await scheduler.put(wanted)
    assert dict(await scheduler.existing()) == {CHASE: shown(wanted)}
    assert await scheduler.find(CHASE) == shown(wanted)


@pytest.mark.parametrize("change", [{"clock": DAILY}, {"paused": True}])
async def test_what_is_there_can_be_changed(scheduler: Scheduler, change: dict[str, object]):
    other = WantedSchedule(OTHER, DAILY, paused=True)
    await scheduler.put(WANTED)
    await scheduler.put(other)
    changed = replace(WANTED, **change)  # type: ignore[arg-type]
    await scheduler.put(changed)
    assert dict(await scheduler.existing()) == {CHASE: shown(changed), OTHER: shown(other)}


async def test_what_was_deleted_is_gone_and_may_come_back(scheduler: Scheduler):
    await scheduler.put(WANTED)
    for _ in range(2):
        await scheduler.delete(CHASE)
    assert await scheduler.find(CHASE) is None
    assert dict(await scheduler.existing()) == {}
    await scheduler.put(WANTED)
    assert set(await scheduler.existing()) == {CHASE}


async def test_the_twin_shows_page_after_page():
    twin = MemoryScheduler(page_size=2)
    for name in "cab":
        await twin.put(replace(WANTED, schedule_id=name))
    first = await twin.page()
    second = await twin.page(first.following)
    assert [*first.schedules, *second.schedules] == ["a", "b", "c"]
    assert second.following == b""


async def test_the_twin_fails_on_demand():
    twin = MemoryScheduler()
    twin.failures.before(UnavailableError("away"))
    with pytest.raises(UnavailableError):
        await twin.put(WANTED)
    assert twin.wanted == {}
