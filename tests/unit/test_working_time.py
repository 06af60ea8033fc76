"""Deadlines of human tasks: hours that pass, and days that people work."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.human_task import Deadline
from activity_core.core.human.working_time import instant_of

BERLIN = ZoneInfo("Europe/Berlin")
HOLIDAYS = Calendar.model_validate(
    {"id": "office", "days": ["2026-12-24", {"day": "2026-12-25", "name": "Christmas"}]}
)
CALENDARS = {"office": HOLIDAYS}
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]

starts = st.datetimes(
    datetime(2026, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2027, 12, 31),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
)
days = st.dates(date(2026, 1, 1), date(2028, 3, 1))
deadlines = st.builds(
    lambda number, at, zone: Deadline.model_validate(
        {"business_days": number, "calendar": "free", "at": at, "timezone": zone}
    ),
    st.integers(0, 12),
    st.none() | st.builds(time, st.integers(0, 23), st.integers(0, 59)),
    st.sampled_from(ZONES),
)


def deadline(**words: object) -> Deadline:
    return Deadline.model_validate({"timezone": "Europe/Berlin"} | words)


def at(text: str) -> datetime:
    """A wall time in Berlin."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("start", "words", "expected"),
    [
        # Fridays and weekends
        ("2026-11-20T15:30", {"business_days": 1}, "2026-11-23T15:30"),
        ("2026-11-21T15:30", {"business_days": 1}, "2026-11-23T15:30"),
        ("2026-11-21T15:30", {"business_days": 0}, "2026-11-23T15:30"),
        ("2026-11-20T15:30", {"business_days": 5}, "2026-11-27T15:30"),
        # a time of day
        ("2026-11-20T15:30", {"business_days": 1, "at": "09:00"}, "2026-11-23T09:00"),
        ("2026-11-20T15:30", {"business_days": 0, "at": "17:00"}, "2026-11-20T17:00"),
        ("2026-11-20T17:00", {"business_days": 0, "at": "17:00"}, "2026-11-20T17:00"),
        ("2026-11-20T17:01", {"business_days": 0, "at": "17:00"}, "2026-11-23T17:00"),
        # holidays, and a calendar that is not there
        ("2026-12-23T10:00", {"business_days": 1, "calendar": "office"}, "2026-12-28T10:00"),
        ("2026-12-23T10:00", {"business_days": 1, "calendar": "gone"}, "2026-12-24T10:00"),
        ("2026-12-23T10:00", {"business_days": 1}, "2026-12-24T10:00"),
        # clocks go forward on 29 March and back on 25 October, both on Sundays
        ("2026-03-27T10:00", {"business_days": 1}, "2026-03-30T10:00"),
        ("2026-10-23T10:00", {"business_days": 1}, "2026-10-26T10:00"),
        # hours that pass do not care
        ("2026-03-28T10:00", {"after": "P1D"}, "2026-03-29T11:00"),
        ("2026-11-20T10:00", {"after": "48h"}, "2026-11-22T10:00"),
    ],
)
def test_deadlines(start: str, words: dict[str, object], expected: str):
    assert instant_of(deadline(**words), at(start).astimezone(UTC), CALENDARS) == at(expected)


def test_the_day_is_that_of_the_zone():
    late = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # Monday 00:30 in Berlin
    words = {"business_days": 0, "at": "09:00"}
    assert instant_of(deadline(**words), late, {}) == at("2026-11-23T09:00")
    assert instant_of(deadline(**words, timezone="America/New_York"), late, {}) == datetime(
        2026, 11, 23, 14, tzinfo=UTC
    )


def test_a_time_that_clocks_skip_is_when_they_went_on():
    # In Cairo clocks went forward on a Friday, from 00:00 to 01:00.
    start = datetime(2026, 4, 23, 9, tzinfo=UTC)
    words = {"business_days": 1, "at": "00:30", "timezone": "Africa/Cairo"}
    assert instant_of(deadline(**words), start, {}) == datetime(2026, 4, 23, 22, tzinfo=UTC)


def test_a_time_that_clocks_show_twice_is_never_before_the_start():
    # In Cairo clocks went back on a Thursday, at 24:00 to 23:00.
    twice = datetime(2026, 10, 29, 21, 30, tzinfo=UTC)  # 23:30 for the second time
    same_day = deadline(business_days=0, timezone="Africa/Cairo")
    assert instant_of(same_day, twice, {}) == twice
    assert instant_of(same_day, twice - timedelta(hours=1), {}) == twice - timedelta(hours=1)
    again = deadline(business_days=0, at="23:30", timezone="Africa/Cairo")
    assert instant_of(again, twice - timedelta(hours=1), {}) == twice - timedelta(hours=1)


@given(deadlines, starts, st.sets(days, min_size=1, max_size=40))
def test_working_days(found: Deadline, start: datetime, free: set[date]):
    calendars = {"free": Calendar(id="free", days=tuple(sorted(free)))}
    instant = instant_of(found, start, calendars)
    assert instant >= start
    zone = ZoneInfo(found.timezone)
    first, day = start.astimezone(zone).date(), instant.astimezone(zone).date()
    between = [
        each
        for each in (first + timedelta(days=n) for n in range(1, (day - first).days))
        if each.weekday() < 5 and each not in free
    ]
    number = found.business_days or 0
    if number:
        assert len(between) == number - 1
    else:
        assert len(between) <= 1  # a time of day that is over puts it off by one working day
    hour = (found.at or start.astimezone(zone).time()).hour
    if 4 < hour < 23:  # away from where clocks change
        assert day.weekday() < 5
        assert day not in free
        wall = instant.astimezone(zone).time()
        assert wall == (found.at or start.astimezone(zone).time())


@given(deadlines, starts, st.sets(days, min_size=1, max_size=40))
def test_one_more_day_is_later(found: Deadline, start: datetime, free: set[date]):
    calendars = {"free": Calendar(id="free", days=tuple(sorted(free)))}
    more = found.model_copy(update={"business_days": (found.business_days or 0) + 1})
    assert instant_of(found, start, calendars) <= instant_of(more, start, calendars)


@given(starts, st.timedeltas(timedelta(), timedelta(days=3_660)))
def test_durations_pass(start: datetime, length: timedelta):
    assert instant_of(Deadline(after=length), start, {}) == start + length


def test_times_of_day_hold_over_a_year():
    start = at("2026-01-02T08:15").astimezone(UTC)
    for number in range(1, 250):
        found = instant_of(deadline(business_days=number, at="17:45"), start, {})
        assert found.astimezone(BERLIN).time() == time(17, 45)
