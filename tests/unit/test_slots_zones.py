"""Slots around every change of the clock from 2020 to 2035, in zones with all kinds of changes."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from tests.unit.slot_oracle import MINUTE, Walk, changes

from activity_core.core.definition.cron import parse_cron
from activity_core.core.definition.slot_trigger import DstConfig, FoldPolicy, GapPolicy
from activity_core.core.definition.wall_calendar import calendars
from activity_core.core.schedule.slots import Slot, slots_between
from activity_core.core.schedule.spec import ScheduleSpec, SlotSource

HOUR = timedelta(hours=1)
POLICIES = [DstConfig(gap=gap, fold=fold) for gap, fold in product(GapPolicy, FoldPolicy)]
ZONES = [
    "Africa/Cairo",  # at midnight: the last hour of a day comes twice, the first is skipped
    "Africa/Casablanca",  # back for Ramadan
    "Africa/El_Aaiun",
    "Africa/Juba",  # once, in 2021
    "America/Asuncion",
    "America/Chicago",
    "America/Havana",  # 00:00 to 01:00 is repeated
    "America/Mexico_City",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/Scoresbysund",  # two changes of rule in one night
    "America/St_Johns",
    "America/Tijuana",
    "Antarctica/Casey",  # three hours
    "Antarctica/Troll",  # two hours
    "Asia/Almaty",
    "Asia/Amman",
    "Asia/Beirut",
    "Asia/Damascus",
    "Asia/Gaza",
    "Asia/Jerusalem",
    "Asia/Kathmandu",  # no change at all
    "Asia/Tehran",
    "Atlantic/Azores",
    "Australia/Lord_Howe",  # half an hour
    "Australia/Sydney",
    "Europe/Berlin",
    "Europe/Chisinau",
    "Europe/Dublin",  # winter is the exception
    "Europe/Lisbon",
    "Europe/London",
    "Europe/Volgograd",
    "Pacific/Apia",
    "Pacific/Auckland",
    "Pacific/Chatham",  # 02:45
    "Pacific/Easter",
    "Pacific/Fiji",
    "Pacific/Norfolk",
]


def slots(cron: str, zone: str, dst: DstConfig, after: datetime, until: datetime) -> list[Slot]:
    source = SlotSource(calendars(parse_cron(cron)), timezone=zone, dst=dst)
    return list(slots_between(ScheduleSpec((source,)), after, until))


def test_there_are_enough_zones_and_changes():
    assert len(ZONES) >= 30
    assert sum(len(list(changes(zone, 2020, 2035))) for zone in ZONES[:10]) > 150


@pytest.mark.parametrize("zone", ZONES)
def test_slots_at_every_change_of_the_clock(zone: str):
    for change in changes(zone, 2020, 2035):
        walk = Walk(zone, change - 14 * HOUR, change + 14 * HOUR)
        strange = sorted(walk.repeated.union(*walk.leaps.values()))
        assert strange
        middle = strange[len(strange) // 2]
        daily = [(middle.hour, middle.minute), (2, 30), (1, 30), (0, 0), (23, 45)]
        for at in daily:
            cron = f"{at[1]} {at[0]} * * *"
            check(walk, zone, cron, {wall for wall in walk.walls if (wall.hour, wall.minute) == at})
        check(walk, zone, "*/20 * * * *", {wall for wall in walk.walls if wall.minute % 20 == 0})


def check(walk: Walk, zone: str, cron: str, walls: set[datetime]) -> None:
    for dst in POLICIES:
        found = slots(cron, zone, dst, walk.shown[0][0], walk.shown[-1][0])
        assert [slot.at for slot in found] == walk.slots(walls, dst), (cron, dst)


@pytest.mark.parametrize("zone", ZONES)
def test_every_minute_of_the_nights_of_2026(zone: str):
    for change in changes(zone, 2026, 2026):
        walk = Walk(zone, change - 5 * HOUR, change + 5 * HOUR)
        check(walk, zone, "* * * * *", walk.walls)


@pytest.mark.parametrize("zone", ZONES)
def test_no_tick_is_relied_on_near_a_change(zone: str):
    for change in changes(zone, 2026, 2026):
        for dst in POLICIES:
            for slot in slots("*/30 * * * *", zone, dst, change - 9 * HOUR, change + 9 * HOUR):
                distance = abs(slot.at - change)
                assert not slot.ticks or distance > 3 * HOUR, (slot, change)
                assert slot.ticks or distance < 8 * HOUR, (slot, change)


@pytest.mark.parametrize("zone", ["Africa/Cairo", "America/Havana", "Antarctica/Troll"])
def test_it_does_not_matter_where_one_starts(zone: str):
    for change, dst in product(changes(zone, 2026, 2026), POLICIES):
        end = change + 14 * HOUR
        whole = slots("*/10 * * * *", zone, dst, change - 14 * HOUR, end)
        for minutes in range(-200, 200, 17):
            start = change + minutes * MINUTE
            part = slots("*/10 * * * *", zone, dst, start, end)
            assert part == [slot for slot in whole if slot.at > start]


def test_leap_of_a_whole_day():
    # Samoa had no 2011-12-30.
    after, until = datetime(2011, 12, 29, tzinfo=UTC), datetime(2012, 1, 1, tzinfo=UTC)
    skip, following = (
        [
            slot.at.isoformat()[:16]
            for slot in slots("0 9 * * *", "Pacific/Apia", DstConfig(gap=gap), after, until)
        ]
        for gap in GapPolicy
    )
    assert skip == ["2011-12-29T19:00", "2011-12-30T19:00", "2011-12-31T19:00"]
    assert following == [
        "2011-12-29T19:00",
        "2011-12-30T10:00",
        "2011-12-30T19:00",
        "2011-12-31T19:00",
    ]
