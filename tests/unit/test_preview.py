"""A preview lists the next slots, says what the clock does there and which days are left out."""

from datetime import UTC, date, datetime, timedelta

from activity_core.core.definition.cron import parse_cron
from activity_core.core.definition.slot_trigger import DstConfig, FoldPolicy, GapPolicy
from activity_core.core.definition.wall_calendar import calendars
from activity_core.core.schedule.preview import PreviewItem, preview
from activity_core.core.schedule.spec import IntervalSpec, ScheduleSpec, SlotSource


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def source(cron: str, zone: str = "Europe/Berlin", **rest: object) -> SlotSource:
    return SlotSource(calendars(parse_cron(cron)), timezone=zone, **rest)  # type: ignore[arg-type]


def lines(*sources: SlotSource, after: str, count: int) -> list[tuple[str, str]]:
    return [(item.local, item.note) for item in preview(ScheduleSpec(sources), at(after), count)]


def test_local_times_have_their_offset():
    (item,) = preview(ScheduleSpec((source("0 9 * * *"),)), at("2026-01-01T12:00"), 1)
    assert item == PreviewItem(at("2026-01-02T08:00"), "2026-01-02T09:00:00+01:00", "")


def test_intervals_alone_are_shown_in_utc():
    hourly = SlotSource(interval=IntervalSpec(timedelta(hours=1)))
    assert lines(hourly, after="2026-01-01T00:00", count=1) == [("2026-01-01T01:00:00+00:00", "")]
    berlin = source("0 9 * * *")
    found = lines(hourly, berlin, after="2026-01-01T07:30", count=1)
    assert found == [("2026-01-01T09:00:00+01:00", "")]


def test_the_next_slot_names_a_wall_time_that_was_skipped():
    assert lines(source("30 2 * * *"), after="2026-03-27T12:00", count=3) == [
        ("2026-03-28T02:30:00+01:00", ""),
        (
            "2026-03-30T02:30:00+02:00",
            "02:30 on 2026-03-29 does not exist (clocks go forward), no slot",
        ),
        ("2026-03-31T02:30:00+02:00", ""),
    ]


def test_many_skipped_wall_times_are_one_note():
    found = lines(source("*/20 * * * *"), after="2026-03-29T00:30", count=2)
    assert found == [
        ("2026-03-29T01:40:00+01:00", ""),
        (
            "2026-03-29T03:00:00+02:00",
            "02:00 to 02:40 on 2026-03-29 do not exist (clocks go forward), 3 times without a slot",
        ),
    ]


def test_a_moved_slot_says_so():
    moved = source("30 2 * * *", dst=DstConfig(gap=GapPolicy.NEXT))
    assert lines(moved, after="2026-03-28T12:00", count=2) == [
        ("2026-03-29T03:00:00+02:00", "02:30 does not exist, moved to 03:00"),
        ("2026-03-30T02:30:00+02:00", ""),
    ]


def test_a_repeated_wall_time_says_which_it_is():
    both = source("30 2 * * *", dst=DstConfig(fold=FoldPolicy.BOTH))
    assert lines(both, after="2026-10-24T12:00", count=2) == [
        ("2026-10-25T02:30:00+02:00", "02:30 comes twice (clocks go back), this is the first"),
        ("2026-10-25T02:30:00+01:00", "02:30 comes twice (clocks go back), this is the second"),
    ]


def test_excluded_slots_are_listed():
    holiday = {date(2026, 12, 25): "Christmas in calendar holidays-de"}
    assert lines(source("0 9 * * *", excluded=holiday), after="2026-12-24T12:00", count=2) == [
        ("2026-12-25T09:00:00+01:00", "excluded: Christmas in calendar holidays-de"),
        ("2026-12-26T09:00:00+01:00", ""),
    ]


def test_nothing_is_said_of_gaps_that_do_not_matter():
    night = "30 2 * * *"
    excluded = source(night, excluded={date(2026, 3, 29): "2026-03-29"})
    ended = source(night, ends=at("2026-03-28T12:00"))
    later = source(night, starts=at("2026-03-29T12:00"))
    daily = source("0 12 * * *")
    for quiet in (excluded, ended, later):
        found = lines(quiet, daily, after="2026-03-28T12:00", count=3)
        assert [note for _, note in found] == [""] * 3


def test_a_skipped_time_before_the_start_is_not_named():
    found = lines(source("30 2 * * *"), after="2026-03-29T01:00", count=1)
    assert found == [("2026-03-30T02:30:00+02:00", "")]


def test_nothing_to_show():
    assert preview(ScheduleSpec(()), at("2026-01-01T00:00"), 5) == []
    assert preview(ScheduleSpec((source("@daily"),)), at("2026-01-01T00:00"), 0) == []
