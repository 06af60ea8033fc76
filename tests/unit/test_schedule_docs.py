"""The tables of the reference about changes of the clock say what the code does."""

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from activity_core.core.definition.cron import parse_cron
from activity_core.core.definition.slot_trigger import DstConfig, FoldPolicy, GapPolicy
from activity_core.core.definition.wall_calendar import calendars
from activity_core.core.schedule.slots import slots_between
from activity_core.core.schedule.spec import ScheduleSpec, SlotSource

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "schedules.md"
ROW = re.compile(
    r"^\| (\w+/\w+) \| (\d{4}-\d\d-\d\d): [^|]+\| (\d\d:\d\d) \| (.+) \|$", re.MULTILINE
)
GAPS = [DstConfig(gap=gap) for gap in GapPolicy]
FOLDS = [DstConfig(fold=fold) for fold in FoldPolicy]
ROWS = ROW.findall(PAGE.read_text())


def cell(zone: str, day: date, daily: time, dst: DstConfig) -> str:
    """When something daily runs that day, as the tables write it."""
    info = ZoneInfo(zone)
    start = datetime.combine(day, time(), info)
    source = SlotSource(calendars(parse_cron(f"{daily:%-M %-H} * * *")), timezone=zone, dst=dst)
    around = slots_between(
        ScheduleSpec((source,)), start - timedelta(days=1), start + timedelta(days=2)
    )
    local = [slot.at.astimezone(info) for slot in around]
    shown = [f"{at:%H:%M}{at:%z}" for at in local if at.date() == day]
    return " and ".join(f"{at[:-2]}:{at[-2:]}" for at in shown) or "none"


@pytest.mark.parametrize(("zone", "day", "daily", "cells"), ROWS)
def test_tables_say_what_happens(zone: str, day: str, daily: str, cells: str):
    written = cells.split(" | ")
    policies: Sequence[DstConfig] = GAPS if len(written) == len(GAPS) else FOLDS
    at = (date.fromisoformat(day), time.fromisoformat(daily))
    assert written == [cell(zone, *at, dst) for dst in policies]


def test_all_zones_are_in_both_tables():
    tables = {(row[0], row[3].count("|")) for row in ROWS}
    assert len({zone for zone, _ in tables}) == 4
    assert len(tables) == 8
