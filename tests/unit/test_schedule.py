"""Slots are exactly the instants at which the schedule's calendars and interval match."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.definition.cron import parse_cron
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.wall_calendar import CalendarSpec, calendars
from activity_core.core.schedule import IntervalSpec, ScheduleSpec, next_slots, schedule_of

MINUTE = timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def spec(cron: str, zone: str = "UTC") -> ScheduleSpec:
    return ScheduleSpec(calendars=calendars(parse_cron(cron)), timezone=zone)


def slots(schedule: ScheduleSpec, after: str, count: int) -> list[str]:
    return [f"{slot:%Y-%m-%dT%H:%M}" for slot in next_slots(schedule, at(after), count)]


def definition(**trigger: object) -> ActivityDefinition:
    task = {"id": "t", "human": {"title": "Do it"}}
    rules = [{"id": "r", "tasks": [task]}]
    return ActivityDefinition.model_validate({"id": "d", "trigger": trigger, "rules": rules})


def test_weekdays_at_nine_in_berlin() -> None:
    assert slots(spec("0 9 * * MON-FRI", "Europe/Berlin"), "2026-03-26T12:00", 3) == [
        "2026-03-27T08:00",
        "2026-03-30T07:00",
        "2026-03-31T07:00",
    ]


def test_after_is_exclusive() -> None:
    assert slots(spec("0 9 * * *"), "2026-01-01T09:00", 1) == ["2026-01-02T09:00"]
    assert slots(spec("0 9 * * *"), "2026-01-01T08:59", 1) == ["2026-01-01T09:00"]


def test_two_calendars_that_meet_make_one_slot() -> None:
    # 2026-02-13 and 2026-03-13 are Fridays.
    assert slots(spec("0 0 13 * FRI"), "2026-02-10T00:00", 3) == [
        "2026-02-13T00:00",
        "2026-02-20T00:00",
        "2026-02-27T00:00",
    ]


def test_the_leap_day_is_found_however_far() -> None:
    assert slots(spec("0 0 29 2 *"), "2096-03-01T00:00", 1) == []  # 2100 is no leap year
    assert slots(spec("0 0 29 2 */1"), "2026-01-01T00:00", 2) == [
        "2028-02-29T00:00",
        "2032-02-29T00:00",
    ]


def test_the_end_of_the_calendar() -> None:
    assert slots(spec("0 0 31 12 *"), "2099-01-01T00:00", 5) == [
        "2099-12-31T00:00",
        "2100-12-31T00:00",
    ]


def test_a_skipped_wall_time_has_no_slot() -> None:
    assert slots(spec("30 2 * * *", "Europe/Berlin"), "2026-03-28T00:00", 2) == [
        "2026-03-28T01:30",
        "2026-03-30T00:30",
    ]


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00",
            ["2026-10-25T00:30", "2026-10-26T01:30"],
        ),
        (
            "30 1 * * *",
            "America/New_York",
            "2026-10-31T12:00",
            ["2026-11-01T05:30", "2026-11-02T06:30"],
        ),
    ],
)
def test_a_repeated_wall_time_has_its_slot_the_first_time(
    cron: str, zone: str, after: str, expected: list[str]
) -> None:
    assert slots(spec(cron, zone), after, 2) == expected


def test_intervals_count_from_the_epoch() -> None:
    every = ScheduleSpec(interval=IntervalSpec(timedelta(hours=7), timedelta(hours=2)))
    assert slots(every, "1970-01-01T02:00", 2) == ["1970-01-01T09:00", "1970-01-01T16:00"]
    assert slots(every, "1970-01-01T01:59", 1) == ["1970-01-01T02:00"]


def test_cron_and_interval_share_a_schedule() -> None:
    found = schedule_of(
        definition(
            cron={"expressions": ["5 * * * *", "@hourly", "0 * * * *"], "timezone": "Asia/Kolkata"},
            interval={"every": "30m"},
        )
    )
    assert found is not None
    assert found.timezone == "Asia/Kolkata"
    assert len(found.calendars) == 2
    assert slots(found, "2026-01-01T00:00", 4) == [
        "2026-01-01T00:30",
        "2026-01-01T00:35",
        "2026-01-01T01:00",
        "2026-01-01T01:30",
    ]


def test_definitions_without_slots_have_no_schedule() -> None:
    assert schedule_of(definition(manual={}, event={"type": "a"})) is None


def test_jitter_is_kept_but_not_in_the_slots() -> None:
    found = schedule_of(definition(cron={"expression": "0 9 * * *", "jitter": "30s"}))
    assert found is not None
    assert found.jitter == timedelta(seconds=30)
    assert slots(found, "2026-01-01T00:00", 1) == ["2026-01-01T09:00"]


def test_the_fingerprint_follows_the_meaning() -> None:
    one = schedule_of(definition(cron={"expression": "0 9 * * MON-FRI"}))
    same = schedule_of(definition(cron={"expressions": ["0 9 * * 1-5"]}))
    assert one is not None
    assert same is not None
    assert one.fingerprint == same.fingerprint
    others = [
        ScheduleSpec(one.calendars, timezone="Europe/Berlin"),
        ScheduleSpec(one.calendars, jitter=MINUTE),
        ScheduleSpec(one.calendars, IntervalSpec(MINUTE)),
        ScheduleSpec(one.calendars, IntervalSpec(MINUTE, timedelta(seconds=1))),
        ScheduleSpec(),
    ]
    assert len({one.fingerprint, *(other.fingerprint for other in others)}) == 6


def test_the_fingerprint_is_the_same_in_every_release() -> None:
    # A change of it makes every deployment rewrite all its schedules.
    interval = ScheduleSpec(interval=IntervalSpec(timedelta(seconds=10)))
    assert interval.fingerprint == "8cc67cf445d5fcb34a67a32a50ce2d07"
    assert (
        spec("0 9 * * MON-FRI", "Europe/Berlin").fingerprint == "57d96873d924c33ba8f472a82fdc1191"
    )


def brute_force(schedule: ScheduleSpec, after: datetime, minutes: int) -> list[datetime]:
    """Every minute is asked whether it is a slot, by its own wall clock."""
    zone = ZoneInfo(schedule.timezone)
    first = after.replace(second=0, microsecond=0) + MINUTE
    return [
        instant
        for n in range(minutes)
        if any(
            _matches(c, (instant := first + n * MINUTE).astimezone(zone))
            for c in schedule.calendars
        )
    ]


def _matches(calendar: CalendarSpec, wall: datetime) -> bool:
    fields = [
        (calendar.minute, wall.minute),
        (calendar.hour, wall.hour),
        (calendar.day_of_month, wall.day),
        (calendar.month, wall.month),
        (calendar.day_of_week, wall.isoweekday() % 7),
    ]
    return wall.fold == 0 and all(
        any(value in part.values() for part in ranges) for ranges, value in fields
    )


crons = st.sampled_from(
    [
        "*/7 * * * *",
        "30 2 * * *",
        "0,30 1-3 * * *",
        "15 */5 13 * FRI",
        "0 0 * * SUN#1",
        "59 23 28-31 * *",
    ]
)
zones = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Africa/Cairo",
        "Asia/Kathmandu",
    ]
)
instants = st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive
near_changes = st.sampled_from(
    [at("2026-03-28T20:00"), at("2026-10-24T22:00"), at("2026-04-04T10:00"), at("2026-11-01T00:30")]
)


@given(crons, zones, instants | near_changes)
def test_slots_match_brute_force(cron: str, zone: str, after: datetime) -> None:
    schedule = spec(cron, zone)
    wanted = brute_force(schedule, after, 2_000)
    found = next_slots(schedule, after, len(wanted) + 1)
    assert found[: len(wanted)] == wanted
    assert found[len(wanted)] > after.replace(second=0, microsecond=0) + 2_000 * MINUTE


@given(st.integers(1, 10**6), st.integers(0, 10**6), instants, st.integers(1, 20))
def test_interval_slots_are_the_next_multiples(
    every: int, offset: int, after: datetime, count: int
) -> None:
    offset %= every
    interval = IntervalSpec(timedelta(seconds=every), timedelta(seconds=offset))
    found = next_slots(ScheduleSpec(interval=interval), after, count)
    assert after < found[0] <= after + interval.every
    for n, slot in enumerate(found):
        assert (slot - EPOCH - interval.offset) % interval.every == timedelta()
        assert slot == found[0] + n * interval.every
