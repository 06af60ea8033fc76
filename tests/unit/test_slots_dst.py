"""Policies decide about wall times that the clock skips or repeats, and notes tell people."""

from datetime import UTC, datetime, timedelta

import pytest

from activity_core.core.definition.cron import parse_cron
from activity_core.core.definition.slot_trigger import DstConfig, FoldPolicy, GapPolicy
from activity_core.core.definition.wall_calendar import calendars
from activity_core.core.schedule.slots import Slot, next_slots
from activity_core.core.schedule.spec import IntervalSpec, ScheduleSpec, SlotSource

NEXT = DstConfig(gap=GapPolicy.NEXT)
BOTH = DstConfig(fold=FoldPolicy.BOTH)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def source(cron: str, zone: str, dst: DstConfig | None = None) -> SlotSource:
    return SlotSource(calendars(parse_cron(cron)), timezone=zone, dst=dst or DstConfig())


def spec(cron: str, zone: str, dst: DstConfig) -> ScheduleSpec:
    return ScheduleSpec((source(cron, zone, dst),))


def slots(schedule: ScheduleSpec, after: str, count: int) -> list[str]:
    return [f"{slot.at:%Y-%m-%dT%H:%M}" for slot in next_slots(schedule, at(after), count)]


@pytest.mark.parametrize(
    ("dst", "night"),
    [(DstConfig(), []), (NEXT, ["2026-03-29T01:00"])],
)
def test_a_skipped_wall_time(dst: DstConfig, night: list[str]):
    found = slots(spec("30 2 * * *", "Europe/Berlin", dst), "2026-03-28T12:00", 2)
    assert found[: len(night) + 1] == [*night, "2026-03-30T00:30"]


@pytest.mark.parametrize(
    ("fold", "night"),
    [
        (FoldPolicy.FIRST, ["2026-11-01T05:30"]),
        (FoldPolicy.SECOND, ["2026-11-01T06:30"]),
        (FoldPolicy.BOTH, ["2026-11-01T05:30", "2026-11-01T06:30"]),
    ],
)
def test_a_repeated_wall_time(fold: FoldPolicy, night: list[str]):
    schedule = spec("30 1 * * *", "America/New_York", DstConfig(fold=fold))
    assert slots(schedule, "2026-10-31T12:00", len(night) + 1) == [*night, "2026-11-02T06:30"]


def test_notes_say_what_the_clock_does():
    gap = spec("*/20 2,3 * * *", "Europe/Berlin", NEXT)
    (first,) = next_slots(gap, at("2026-03-28T12:00"), 1)
    assert first == Slot(
        at("2026-03-29T01:00"),
        note="02:00 does not exist, moved to 03:00 (and 2 more)",
        ticks=False,
    )
    fold = spec("30 2 * * *", "Europe/Berlin", BOTH)
    assert [slot.note for slot in next_slots(fold, at("2026-10-24T12:00"), 3)] == [
        "02:30 comes twice (clocks go back), this is the first",
        "02:30 comes twice (clocks go back), this is the second",
        "",
    ]


def test_an_interval_ticks_also_where_clocks_change():
    both = ScheduleSpec(
        (
            source("0 * * * *", "Europe/Berlin"),
            SlotSource(interval=IntervalSpec(timedelta(hours=2))),
        )
    )
    near = next_slots(both, at("2026-03-28T22:30"), 4)
    assert [slot.ticks for slot in near] == [False, True, False, True]
