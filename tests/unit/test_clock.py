"""A clock ticks at every slot that is said to tick; equal schedules have equal clocks."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.definition.cron import parse_cron
from activity_core.core.definition.wall_calendar import CalendarSpec, Range, calendars, numbers
from activity_core.core.schedule.clock import ClockSpec, clock_of
from activity_core.core.schedule.spec import IntervalSpec, ScheduleSpec, SlotSource

HOURLY = SlotSource(interval=IntervalSpec(timedelta(hours=1)))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def source(*crons: str, zone: str = "UTC", **rest: object) -> SlotSource:
    found = tuple(calendar for cron in crons for calendar in calendars(parse_cron(cron)))
    return SlotSource(found, timezone=zone, **rest)  # type: ignore[arg-type]


def clock(*sources: SlotSource) -> ClockSpec:
    return clock_of(ScheduleSpec(sources))


def listed(days: set[date], times: set[time]) -> SlotSource:
    return SlotSource(days=tuple(sorted(days)), times=tuple(sorted(times)))


def minutes(calendar: CalendarSpec) -> set[datetime]:
    fields = (calendar.year, calendar.month, calendar.day_of_month, calendar.hour, calendar.minute)
    return {
        datetime(year, month, day, hour, minute)  # noqa: DTZ001 - wall times
        for year, month, day, hour, minute in product(*(numbers(field) for field in fields))
    }


def test_crons_intervals_and_their_zone():
    berlin = source("0 9 * * *", zone="Europe/Berlin")
    found = clock(berlin, HOURLY)
    assert found == ClockSpec(
        calendars=berlin.calendars,
        intervals=(IntervalSpec(timedelta(hours=1)),),
        timezone="Europe/Berlin",
    )


def test_nothing_ticks_without_sources():
    assert clock() == ClockSpec()
    assert clock(SlotSource()) == ClockSpec()


def test_days_that_look_alike_share_a_calendar():
    quarters = {date(year, month, 1) for year in (2026, 2027) for month in (1, 4, 7, 10)}
    (found,) = clock(listed(quarters, {time(9), time(17)})).calendars
    assert found == CalendarSpec(
        minute=(Range(0, 0),),
        hour=(Range(9, 9), Range(17, 17)),
        day_of_month=(Range(1, 1),),
        month=(Range(1, 10, 3),),
        day_of_week=(Range(0, 6),),
        year=(Range(2026, 2027),),
    )


@given(
    st.sets(st.dates(date(2020, 1, 1), date(2023, 12, 31)), min_size=1, max_size=40),
    st.sets(st.builds(time, st.integers(0, 23), st.integers(0, 59)), min_size=1, max_size=8),
)
def test_listed_days_tick_exactly_then(days: set[date], times: set[time]):
    found = clock(listed(days, times)).calendars
    ticks = [minute for calendar in found for minute in minutes(calendar)]
    assert sorted(ticks) == sorted(
        datetime.combine(day, wall) for day, wall in product(days, times)
    )


def test_bounds_are_those_of_all_sources():
    early = source("@daily", starts=at("2026-01-01T00:00"), ends=at("2026-02-01T00:00"))
    late = source("@hourly", starts=at("2026-03-01T00:00"), ends=at("2026-04-01T00:00"))
    found = clock(early, late)
    assert (found.starts, found.ends) == (at("2026-01-01T00:00"), at("2026-04-01T00:00"))
    unbounded = clock(early, late, HOURLY)
    assert (unbounded.starts, unbounded.ends) == (None, None)


def test_excluded_days_and_policies_are_none_of_its_business():
    plain = clock(source("@daily"))
    assert clock(source("@daily", excluded={date(2026, 1, 1): "x"})) == plain


def test_equal_schedules_have_equal_fingerprints():
    same = [
        clock(source("0 9 * * MON-FRI", "0 12 * * *"), HOURLY),
        clock(source("0 12 * * *", "0 9 * * 1-5", "0 9 * * 1,2,3,4,5"), HOURLY),
        clock(HOURLY, source("0 12 */1 * *", "0 9 * * MON-FRI"), HOURLY),
    ]
    assert len({found.fingerprint for found in same}) == 1


def test_other_schedules_have_other_fingerprints():
    daily = source("0 9 * * *")
    others = [
        clock(daily),
        clock(source("0 9 * * *", zone="Europe/Berlin")),
        clock(daily, HOURLY),
        clock(daily, SlotSource(interval=IntervalSpec(timedelta(hours=1), timedelta(seconds=1)))),
        clock(source("0 9 * * *", starts=at("2026-01-01T00:00"))),
        clock(source("0 9 * * *", ends=at("2026-01-01T00:00"))),
        clock(listed({date(2026, 1, 1)}, {time(9)})),
        clock(listed({date(2027, 1, 1)}, {time(9)})),
        clock(),
    ]
    assert len({found.fingerprint for found in others}) == len(others)


def test_fingerprints_are_the_same_in_every_release():
    # A change of them makes every deployment rewrite all its schedules.
    assert clock(HOURLY).fingerprint == "247350f1961ba1223261fb721cdfe410"
    assert (
        clock(source("0 9 * * MON-FRI", zone="Europe/Berlin")).fingerprint
        == "2cd6599e57e639aee53fe0ec4bcb2a3c"
    )
