"""Slots of all kinds of schedules are those that a walk over all minutes finds."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.slot_oracle import MINUTE, Walk

from activity_core.core.definition.cron import parse_cron
from activity_core.core.definition.slot_trigger import DstConfig, FoldPolicy, GapPolicy
from activity_core.core.definition.wall_calendar import calendars
from activity_core.core.schedule.slots import next_slots, slots_between
from activity_core.core.schedule.spec import IntervalSpec, ScheduleSpec, SlotSource

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


crons = st.sampled_from(
    [
        ("*/7 * * * *", lambda wall: wall.minute % 7 == 0),
        ("30 2 * * *", lambda wall: (wall.hour, wall.minute) == (2, 30)),
        ("0,30 1-3 * * *", lambda wall: wall.minute in (0, 30) and 1 <= wall.hour <= 3),
        (
            "15 */5 13 * FRI",
            lambda wall: (
                wall.minute == 15
                and wall.hour % 5 == 0
                and (wall.day == 13 or wall.isoweekday() == 5)
            ),
        ),
        (
            "0 0 * * SUN#1",
            lambda wall: not wall.hour + wall.minute and wall.isoweekday() == 7 and wall.day < 8,
        ),
        ("59 23 28-31 * *", lambda wall: (wall.hour, wall.minute) == (23, 59) and wall.day >= 28),
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
instants = st.integers(0, 2 * 365 * 1_440).map(lambda n: at("2025-01-01T00:00") + n * MINUTE)
near_changes = st.sampled_from(
    [at("2026-03-28T20:00"), at("2026-10-24T22:00"), at("2026-04-04T10:00"), at("2026-11-01T00:30")]
)
policies = st.builds(DstConfig, gap=st.sampled_from(GapPolicy), fold=st.sampled_from(FoldPolicy))


@given(
    cron=crons,
    zone=zones,
    dst=policies,
    after=instants | near_changes,
    length=st.integers(0, 1_500),
    with_interval=st.booleans(),
)
def test_slots_are_what_a_walk_over_all_minutes_finds(
    *,
    cron: tuple[str, Callable[[datetime], bool]],
    zone: str,
    dst: DstConfig,
    after: datetime,
    length: int,
    with_interval: bool,
):
    text, matches = cron
    until = after + length * MINUTE
    # The walk begins and ends further out, so that it meets both occurrences of a wall time.
    walk = Walk(zone, after - 600 * MINUTE, until + 600 * MINUTE)
    wanted = set(walk.slots({wall for wall in walk.walls if matches(wall)}, dst))
    sources = [SlotSource(calendars(parse_cron(text)), timezone=zone, dst=dst)]
    if with_interval:
        sources.append(SlotSource(interval=IntervalSpec(35 * MINUTE)))
        wanted |= {
            minute for minute, _ in walk.shown if (minute - EPOCH) % (35 * MINUTE) == 0 * MINUTE
        }
    found = [slot.at for slot in slots_between(ScheduleSpec(tuple(sources)), after, until)]
    assert found == sorted(minute for minute in wanted if after < minute <= until)


@given(st.integers(1, 10**6), st.integers(0, 10**6), instants, st.integers(1, 20))
def test_interval_slots_are_the_next_multiples(
    every: int, offset: int, after: datetime, count: int
):
    offset %= every
    interval = IntervalSpec(timedelta(seconds=every), timedelta(seconds=offset))
    found = next_slots(ScheduleSpec((SlotSource(interval=interval),)), after, count)
    assert after < found[0].at <= after + interval.every
    for n, slot in enumerate(found):
        assert (slot.at - EPOCH - interval.offset) % interval.every == timedelta()
        assert slot.at == found[0].at + n * interval.every
