"""All slot triggers of a definition become one schedule, with their days and bounds."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from pydantic import ValidationError

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.definition import ActivityDefinition, definition_from_document
from activity_core.core.definition.slot_trigger import FoldPolicy
from activity_core.core.jsontext import canonical_json, parse_json
from activity_core.core.schedule.slots import next_slots
from activity_core.core.schedule.spec import calendars_named, schedule_of

HOLIDAYS = Calendar.model_validate(
    {"id": "holidays-de", "days": ["2026-01-01", {"day": "2026-12-25", "name": "Christmas"}]}
)


def definition(**trigger: object) -> ActivityDefinition:
    task = {"id": "t", "human": {"title": "Do it"}}
    rules = [{"id": "r", "tasks": [task]}]
    return ActivityDefinition.model_validate({"id": "d", "trigger": trigger, "rules": rules})


def bounds(zone: str, first: str | None, last: str | None) -> tuple[datetime | None, ...]:
    cron = {"expression": "@hourly", "timezone": zone, "from": first, "until": last}
    found = schedule_of(definition(cron=cron))
    assert found
    return found.sources[0].starts, found.sources[0].ends


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_cron_and_interval_share_a_schedule():
    found = schedule_of(
        definition(
            cron={"expressions": ["5 * * * *", "@hourly", "0 * * * *"], "timezone": "Asia/Kolkata"},
            interval={"every": "30m"},
        )
    )
    assert found
    assert found.timezone == "Asia/Kolkata"
    cron, interval = found.sources
    assert len(cron.calendars) == 2
    assert interval.timezone == "UTC"
    shown = [f"{slot.at:%H:%M}" for slot in next_slots(found, utc("2026-01-01T00:00"), 4)]
    assert shown == ["00:30", "00:35", "01:00", "01:30"]


def test_definitions_without_slots_have_no_schedule():
    assert schedule_of(definition(manual={}, event={"type": "a"})) is None


def test_jitter_is_kept_but_not_in_the_slots():
    found = schedule_of(definition(cron={"expression": "0 9 * * *", "jitter": "30s"}))
    assert found
    assert found.jitter == timedelta(seconds=30)
    assert next_slots(found, utc("2026-01-01T00:00"), 1)[0].at == utc("2026-01-01T09:00")


def test_days_come_from_the_list_and_from_calendars():
    wanted = definition(
        calendar={"days": ["2026-03-01", "holidays-de"], "at": ["17:00", "09:00", "17:00"]},
        interval={"every": "1d", "exclude": ["holidays-de", "2026-12-24", "2026-12-25"]},
    )
    assert calendars_named(wanted) == {"holidays-de"}
    found = schedule_of(wanted, {"holidays-de": HOLIDAYS})
    assert found
    interval, listed = found.sources
    assert listed.days == (date(2026, 1, 1), date(2026, 3, 1), date(2026, 12, 25))
    assert listed.times == (time(9), time(17))
    assert interval.excluded == {
        date(2026, 1, 1): "2026-01-01 in calendar holidays-de",
        date(2026, 12, 25): "Christmas in calendar holidays-de",
        date(2026, 12, 24): "2026-12-24",
    }


def test_an_unknown_calendar_has_no_days():
    found = schedule_of(definition(calendar={"days": ["nowhere"], "at": ["09:00"]}))
    assert found
    assert next_slots(found, utc("2020-01-01T00:00"), 1) == []


def test_bounds_are_whole_days_of_the_time_zone():
    assert bounds("Europe/Berlin", "2026-01-01", "2026-06-30") == (
        utc("2025-12-31T23:00"),
        utc("2026-06-30T22:00") - datetime.resolution,
    )


def test_bounds_may_be_instants():
    found = bounds("Europe/Berlin", "2026-01-01T08:00:00Z", "2026-01-01T09:30:00+01:00")
    assert found == (utc("2026-01-01T08:00"), utc("2026-01-01T08:30"))
    assert bounds("Europe/Berlin", None, None) == (None, None)


@pytest.mark.parametrize(
    ("zone", "day", "starts", "ends"),
    [
        # The day begins at 01:00: 00:00 to 00:59 do not exist.
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00", "2026-04-24T21:00"),
        # 23:00 to 23:59 come twice.
        ("Africa/Cairo", "2026-10-29", "2026-10-28T21:00", "2026-10-29T22:00"),
        # 00:00 to 00:59 come twice.
        ("America/Havana", "2026-11-01", "2026-11-01T04:00", "2026-11-02T05:00"),
    ],
)
def test_bounds_where_clocks_change_at_midnight(zone: str, day: str, starts: str, ends: str):
    assert bounds(zone, day, day) == (utc(starts), utc(ends) - datetime.resolution)


def test_everything_of_a_slot_trigger_is_stored():
    written = definition(
        cron={
            "expression": "@daily",
            "timezone": "Europe/Berlin",
            "from": "2026-01-01",
            "until": "2026-12-24T08:00:00+01:00",
            "exclude": ["2026-12-24", "holidays-de"],
            "dst": {"gap": "next", "fold": "both"},
            "jitter": "5m",
        },
        calendar={
            "days": ["2026-01-01", "quarter-ends"],
            "at": ["09:00", "10:30"],
            "timezone": "Europe/Berlin",
            "jitter": "5m",
        },
        misfire={"policy": "catch_up", "max_runs": 3, "window": "2h"},
        overlap="buffer_one",
    )
    document = parse_json(canonical_json(written.document()))
    assert isinstance(document, dict)
    read = definition_from_document(document)
    assert read == written
    assert read.digest == written.digest
    assert schedule_of(read) == schedule_of(written)
    assert read.trigger.cron
    assert read.trigger.cron.dst.fold is FoldPolicy.BOTH


def test_calendars_are_stored():
    again = Calendar.model_validate(HOLIDAYS.model_dump(mode="json", by_alias=True))
    assert again == HOLIDAYS
    assert again.names == {date(2026, 1, 1): "", date(2026, 12, 25): "Christmas"}


@pytest.mark.parametrize(
    ("trigger", "reason"),
    [
        ({"from": "2026-02-01", "until": "2026-01-31"}, "`from` must not be later"),
        ({"from": "2026-01-01T10:00:00Z", "until": "2026-01-01T10:30:00+01:00"}, "`from` must"),
        ({"from": "2026-01-03", "until": "2026-01-01T12:00:00Z"}, "`from` must not be later"),
        ({"from": "2026-01-01T10:00:00"}, "the offset from UTC is missing"),
        ({"until": "20260101"}, "the offset from UTC is missing"),
        ({"until": "soon"}, "write a day like 2026-12-24 or an instant"),
        ({"until": "2026-13-01"}, "month must be in 1..12"),
        ({"until": "9999-12-31"}, "the year is not from 2000 to 2100"),
        ({"until": "1999-12-31T00:00:00Z"}, "the year is not from 2000 to 2100"),
        ({"until": 20260101}, "write a day like"),
        ({"exclude": ["2026-W01-1"]}, "write a day like 2026-12-24, or the id of a calendar"),
        ({"exclude": ["2026-02-30"]}, "day is out of range"),
        ({"exclude": ["1970-01-01"]}, "the year is not"),
        ({"exclude": [5]}, "write a day like"),
        ({"timezone": "Mars/Olympus"}, "not a time zone"),
        ({"dst": {"gap": "later"}}, "skip"),
    ],
)
def test_what_no_trigger_may_say(trigger: dict[str, object], reason: str):
    with pytest.raises(ValidationError, match=reason):
        definition(cron={"expression": "@daily"} | trigger)


def test_a_day_and_an_instant_of_it_may_bound_a_trigger():
    # In Berlin it is the 2nd already.
    cron = {"expression": "@hourly", "timezone": "Europe/Berlin"}
    definition(cron=cron | {"from": "2026-01-02", "until": "2026-01-01T23:30:00Z"})


@pytest.mark.parametrize("at", ["9:00", "24:00", "09:60", "09:00:00", "09+01", 900, "T0900"])
def test_what_is_no_time_of_day(at: object):
    with pytest.raises(ValidationError):
        definition(calendar={"days": ["2026-01-01"], "at": [at]})


@pytest.mark.parametrize("day", ["2026-1-1", "2026-W01-1", "20260101", 20260101, "2026-02-30"])
def test_what_is_no_day_of_a_calendar(day: object):
    with pytest.raises(ValidationError):
        Calendar.model_validate({"id": "c", "days": [day]})


def test_cron_and_calendar_have_one_time_zone():
    listed = {"days": ["2026-01-01"], "at": ["09:00"], "timezone": "Europe/Berlin"}
    with pytest.raises(ValidationError, match="same `timezone`"):
        definition(cron={"expression": "@daily"}, calendar=listed)
