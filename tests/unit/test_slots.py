"""Slots are exactly the instants that the sources of a schedule mean, each once, in order."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from time import perf_counter

from activity_core.core.definition.cron import parse_cron
from activity_core.core.definition.wall_calendar import calendars
from activity_core.core.schedule.slots import (
    END,
    Slot,
    next_slot,
    next_slots,
    shortest_period,
    slots_between,
)
from activity_core.core.schedule.spec import IntervalSpec, ScheduleSpec, SlotSource


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def source(cron: str, zone: str = "UTC", **rest: object) -> SlotSource:
    return SlotSource(calendars(parse_cron(cron)), timezone=zone, **rest)  # type: ignore[arg-type]


def spec(cron: str, zone: str = "UTC", **rest: object) -> ScheduleSpec:
    return ScheduleSpec((source(cron, zone, **rest),))


def every(**length: int) -> SlotSource:
    return SlotSource(interval=IntervalSpec(timedelta(**length)))


def shown(slots: list[Slot]) -> list[str]:
    return [f"{slot.at:%Y-%m-%dT%H:%M}" for slot in slots]


def slots(schedule: ScheduleSpec, after: str, count: int) -> list[str]:
    return shown(next_slots(schedule, at(after), count))


def test_weekdays_at_nine_in_berlin():
    assert slots(spec("0 9 * * MON-FRI", "Europe/Berlin"), "2026-03-26T12:00", 3) == [
        "2026-03-27T08:00",
        "2026-03-30T07:00",
        "2026-03-31T07:00",
    ]


def test_after_is_exclusive_and_until_inclusive():
    nine = spec("0 9 * * *")
    assert slots(nine, "2026-01-01T09:00", 1) == ["2026-01-02T09:00"]
    assert slots(nine, "2026-01-01T08:59", 1) == ["2026-01-01T09:00"]
    found = slots_between(nine, at("2026-01-01T09:00"), at("2026-01-03T09:00"))
    assert shown(list(found)) == ["2026-01-02T09:00", "2026-01-03T09:00"]
    assert list(slots_between(nine, at("2026-01-03T09:00"), at("2026-01-03T09:00"))) == []
    assert list(slots_between(nine, at("2026-01-05T09:00"), at("2026-01-03T09:00"))) == []


def test_any_zone_may_ask():
    berlin = datetime.fromisoformat("2026-01-01T09:30:00+01:00")
    assert next_slot(spec("0 9 * * *"), berlin) == Slot(at("2026-01-01T09:00"))


def test_two_calendars_that_meet_make_one_slot():
    # 2026-02-13 and 2026-03-13 are Fridays.
    assert slots(spec("0 0 13 * FRI"), "2026-02-10T00:00", 3) == [
        "2026-02-13T00:00",
        "2026-02-20T00:00",
        "2026-02-27T00:00",
    ]


def test_the_leap_day_is_found_however_far():
    assert slots(spec("0 0 29 2 *"), "2096-03-01T00:00", 1) == []  # 2100 is no leap year
    assert slots(spec("0 0 29 2 *"), "2026-01-01T00:00", 2) == [
        "2028-02-29T00:00",
        "2032-02-29T00:00",
    ]
    assert slots(spec("0 0 * 2 MON#5"), "2026-01-01T00:00", 9) == [
        "2044-02-29T00:00",
        "2072-02-29T00:00",
    ]


def test_the_end_of_the_calendar():
    assert slots(spec("0 0 31 12 *"), "2099-01-01T00:00", 5) == [
        "2099-12-31T00:00",
        "2100-12-31T00:00",
    ]
    assert next_slots(ScheduleSpec((every(seconds=1),)), END, 1) == []
    assert next_slot(ScheduleSpec((every(hours=1),)), END) is None


def test_a_schedule_that_never_fires_has_no_slots():
    for nothing in (
        ScheduleSpec(()),
        ScheduleSpec((SlotSource(),)),
        ScheduleSpec((SlotSource(days=(date(2020, 1, 1),), times=(time(9),)),)),
        ScheduleSpec((source("0 0 29 2 *", ends=at("2027-01-01T00:00")),)),
    ):
        assert next_slots(nothing, at("2026-01-01T00:00"), 3) == []
        assert next_slot(nothing, at("2026-01-01T00:00")) is None
        assert shortest_period(nothing, at("2026-01-01T00:00")) is None


def test_intervals_count_from_the_epoch():
    interval = IntervalSpec(timedelta(hours=7), timedelta(hours=2))
    schedule = ScheduleSpec((SlotSource(interval=interval),))
    assert slots(schedule, "1970-01-01T02:00", 2) == ["1970-01-01T09:00", "1970-01-01T16:00"]
    assert slots(schedule, "1970-01-01T01:59", 1) == ["1970-01-01T02:00"]


def test_days_of_a_calendar_at_their_times():
    days = (date(2026, 3, 31), date(2026, 6, 30))
    listed = SlotSource(days=days, times=(time(9), time(17, 30)), timezone="Europe/Berlin")
    assert slots(ScheduleSpec((listed,)), "2026-03-31T07:00", 9) == [
        "2026-03-31T15:30",
        "2026-06-30T07:00",
        "2026-06-30T15:30",
    ]


def test_sources_that_meet_make_one_slot():
    both = ScheduleSpec((source("0 * * * *"), every(minutes=30)))
    assert slots(both, "2026-01-01T00:00", 3) == [
        "2026-01-01T00:30",
        "2026-01-01T01:00",
        "2026-01-01T01:30",
    ]


def test_first_and_last_instant_count():
    bounded = spec("0 * * * *", starts=at("2026-01-01T02:00"), ends=at("2026-01-01T04:00"))
    assert slots(bounded, "2025-01-01T00:00", 9) == [
        "2026-01-01T02:00",
        "2026-01-01T03:00",
        "2026-01-01T04:00",
    ]
    assert slots(bounded, "2026-01-01T03:00", 9) == ["2026-01-01T04:00"]


def test_bounds_are_of_their_source():
    schedule = ScheduleSpec((source("0 9 * * *", ends=at("2026-01-01T12:00")), every(hours=12)))
    assert slots(schedule, "2026-01-01T00:00", 3) == [
        "2026-01-01T09:00",
        "2026-01-01T12:00",
        "2026-01-02T00:00",
    ]


def test_excluded_days_are_those_of_the_wall_clock():
    christmas = {date(2026, 12, 25): "Christmas in calendar holidays-de"}
    night = spec("30 0 * * *", "Europe/Berlin", excluded=christmas)
    assert next_slots(night, at("2026-12-24T12:00"), 2) == [
        Slot(at("2026-12-24T23:30"), excluded="Christmas in calendar holidays-de"),
        Slot(at("2026-12-25T23:30")),
    ]
    utc = ScheduleSpec((SlotSource(interval=IntervalSpec(timedelta(days=1)), excluded=christmas),))
    assert [bool(slot.excluded) for slot in next_slots(utc, at("2026-12-24T12:00"), 2)] == [
        True,
        False,
    ]


def test_a_slot_is_left_out_if_all_its_sources_leave_it_out():
    day = {date(2026, 1, 2): "2026-01-02"}
    left_out, kept = source("0 9 * * *", excluded=day), source("0 9 * * *")
    after = at("2026-01-02T00:00")
    assert next_slot(ScheduleSpec((left_out, kept)), after) == Slot(at("2026-01-02T09:00"))
    found = next_slot(ScheduleSpec((left_out, left_out)), after)
    assert found == Slot(at("2026-01-02T09:00"), excluded="2026-01-02")


def test_the_shortest_period():
    after = at("2026-01-01T00:00")
    assert shortest_period(spec("0 9,17 * * *"), after) == timedelta(hours=8)
    assert shortest_period(ScheduleSpec((every(seconds=10),)), after) == timedelta(seconds=10)
    assert shortest_period(spec("0 0 29 2 *"), after) == timedelta(days=1461)
    only = ScheduleSpec((SlotSource(days=(date(2026, 2, 1),), times=(time(9),)),))
    assert shortest_period(only, after) is None


def test_slots_are_computed_as_they_are_asked_for():
    # A billion slots, of which three are looked at: it would take many minutes to compute them all.
    began = perf_counter()
    stream = slots_between(
        ScheduleSpec((every(seconds=1),)), at("2026-01-01T00:00"), at("2066-01-01T00:00")
    )
    assert len(list(islice(stream, 3))) == 3
    assert next_slot(spec("0 0 * 2 MON#5"), at("2073-01-01T00:00")) is None
    assert perf_counter() - began < 10
