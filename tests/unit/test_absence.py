"""Why there is no slot, and which slots stand around an instant."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.schedule.absence import instant_of, neighbours, slot_at, why_absent
from activity_core.core.schedule.spec import ScheduleSpec, schedule_of

BERLIN = {"timezone": "Europe/Berlin"}
CALENDARS = {"days-off": Calendar(id="days-off", days=(date(2026, 12, 24),))}


def spec(**trigger: Any) -> ScheduleSpec:
    found = schedule_of(
        ActivityDefinition.model_validate(
            {
                "id": "d",
                "trigger": trigger,
                "rules": [{"id": "r", "tasks": [{"id": "t", "human": {"title": "T"}}]}],
            }
        ),
        CALENDARS,
    )
    assert found
    return found


def cron(expression: str, **more: Any) -> ScheduleSpec:
    return spec(cron={"expression": expression} | BERLIN | more)


@pytest.mark.parametrize(
    ("schedule", "at", "why"),
    [
        (cron("0 9 * * *"), "2026-03-02T08:00:01Z", "the schedule has no slot at that instant"),
        (
            cron("0 9 * * *", **{"from": "2026-03-03", "until": "2026-03-05"}),
            "2026-03-02T08:00:00Z",
            (
                "outside_validity: the schedule counts from 2026-03-02T23:00:00Z "
                "until 2026-03-05T22:59:59.999999Z"
            ),
        ),
        (
            cron("30 2 * * *"),
            "2026-03-29T01:30:00Z",
            (
                "2026-03-29 02:30 does not exist, as clocks in Europe/Berlin go forward, "
                "and `dst.gap` is `skip`"
            ),
        ),
        (cron("30 4 * * *"), "2026-03-29T01:30:00Z", "the schedule has no slot at that instant"),
        (
            cron("30 2 * * *"),
            "2026-10-25T01:30:00Z",
            "02:30 comes twice, as clocks in Europe/Berlin go back, and `dst.fold` is `first`",
        ),
        (
            cron("30 2 * * *", dst={"fold": "second"}),
            "2026-10-25T00:30:00Z",
            "02:30 comes twice, as clocks in Europe/Berlin go back, and `dst.fold` is `second`",
        ),
    ],
)
def test_why(schedule: ScheduleSpec, at: str, why: str) -> None:
    instant = datetime.fromisoformat(at)
    assert slot_at(schedule, instant) is None
    assert why_absent(schedule, instant) == why


@pytest.mark.parametrize(
    ("schedule", "before", "after"),
    [
        (cron("0 9 * * *"), "2026-03-01T08:00:00Z", "2026-03-03T08:00:00Z"),
        (spec(interval={"every": "1s"}), "2026-03-02T07:59:59Z", "2026-03-02T08:00:01Z"),
        (cron("0 9 29 2 *"), "2024-02-29T08:00:00Z", "2028-02-29T08:00:00Z"),
        (spec(calendar={"days": ["2026-03-02"], "at": ["08:00"]}), None, None),
        (spec(calendar={"days": ["days-off"], "at": ["08:00"]}), None, "2026-12-24T08:00:00Z"),
    ],
)
def test_neighbours(schedule: ScheduleSpec, before: str | None, after: str | None) -> None:
    found = neighbours(schedule, datetime(2026, 3, 2, 8, tzinfo=UTC))
    times = [slot and slot.at.isoformat().replace("+00:00", "Z") for slot in found]
    assert times == [before, after]


@pytest.mark.parametrize(
    "text", ["2026-03-02T09:00", "2026-03-02T09:00:00+01:00", "2026-03-02T08:00Z"]
)
def test_instants_as_people_write_them(text: str) -> None:
    assert instant_of(text, "Europe/Berlin") == datetime(2026, 3, 2, 8, tzinfo=UTC)


def test_a_wall_time_in_the_gap_is_read_as_if_clocks_had_not_changed() -> None:
    at = instant_of("2026-03-29T02:30", "Europe/Berlin")
    assert at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert at.utcoffset() == timedelta()


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "0001-01-01T00:00+14:00", "x" * 999])
def test_no_time(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - fromisoformat has many words for it
        instant_of(text, "Europe/Berlin")
