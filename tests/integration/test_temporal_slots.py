"""Temporal's own matcher, on a real server, gives the slots that we compute and preview.

Where clocks change it follows no policy; there, only slots that say `ticks` are compared.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from random import Random  # noqa: TID251 - seeded: the same specs every time

import pytest
from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest
from temporalio.client import Client, Schedule, ScheduleActionStartWorkflow, ScheduleState
from tests.temporal_server import temporal_client
from tests.unit.slot_oracle import changes

from activity_core.adapters.temporal.clock import temporal_spec
from activity_core.core.definition.cron import parse_cron
from activity_core.core.definition.slot_trigger import DstConfig, FoldPolicy, GapPolicy
from activity_core.core.definition.wall_calendar import calendars
from activity_core.core.schedule.clock import clock_of
from activity_core.core.schedule.preview import preview
from activity_core.core.schedule.slots import slots_between
from activity_core.core.schedule.spec import IntervalSpec, ScheduleSpec, SlotSource

PAGE = 1_000
"""Temporal lists no more matching times than this, and does not say so."""

CRONS = [
    "* * * * *",
    "*/7 8-17 * * *",
    "0 9 * * MON-FRI",
    "0 9 13 * FRI",  # either
    "0 9 */2 * MON",  # both
    "30 6 1-31/3 * SUN,WED",
    "0 12 * * MON#2",
    "0 12 1 * FRI#5",
    "15 4 29 2 *",
    "0 0 31 * *",
    "59 23 28-31 JAN-MAR *",
    "@hourly",
    "@weekly",
    "@yearly",
]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with temporal_client() as client:
        yield client


@asynccontextmanager
async def scheduled(client: Client, spec: ScheduleSpec) -> AsyncIterator[str]:
    schedule = Schedule(
        action=ScheduleActionStartWorkflow("Nothing", id="nothing", task_queue="nobody"),
        spec=temporal_spec(clock_of(spec)),
        state=ScheduleState(paused=True),
    )
    handle = await client.create_schedule("slots", schedule)
    try:
        yield handle.id
    finally:
        await handle.delete()


async def matching(
    client: Client, spec: ScheduleSpec, after: datetime, days: int
) -> list[datetime]:
    """Temporal's times in (after, after + days], a page at a time."""
    found: list[datetime] = []
    async with scheduled(client, spec) as schedule_id:
        start, end = after + timedelta(seconds=1), after + timedelta(days=days)
        while start <= end:
            request = ListScheduleMatchingTimesRequest(
                namespace=client.namespace, schedule_id=schedule_id
            )
            request.start_time.FromDatetime(start)
            request.end_time.FromDatetime(end)
            answer = await client.workflow_service.list_schedule_matching_times(request)
            page = [at.ToDatetime(UTC) for at in answer.start_time]
            found.extend(page)
            if len(page) < PAGE:
                break
            start = page[-1] + timedelta(seconds=1)
    return found


def cron(text: str, zone: str = "UTC") -> SlotSource:
    return SlotSource(calendars(parse_cron(text)), timezone=zone)


def random_specs() -> Iterator[ScheduleSpec]:
    random = Random(2026)  # noqa: S311 - see above
    for text in CRONS:
        zone = random.choice(ZONES)
        yield ScheduleSpec((cron(text, zone),))
        sources = [cron(text, zone), cron(random.choice(CRONS[1:]), zone)]
        every = timedelta(minutes=random.randint(7, 3_000))
        offset = timedelta(seconds=random.randint(0, 400))
        sources.append(SlotSource(interval=IntervalSpec(every, offset)))
        days = {date(2026, 1, 1) + timedelta(days=random.randint(0, 500)) for _ in range(20)}
        times = tuple(
            sorted({time(random.randint(0, 23), random.choice((0, 5))) for _ in range(3)})
        )
        sources.append(SlotSource(days=tuple(sorted(days)), times=times, timezone=zone))
        yield ScheduleSpec(tuple(random.sample(sources, random.randint(2, 4))))


# Stretches without a change of the clock in any of the zones.
@pytest.mark.parametrize(
    ("after", "days"),
    [(datetime(2026, 5, 1, tzinfo=UTC), 45), (datetime(2026, 11, 10, 3, 7, tzinfo=UTC), 60)],
)
async def test_previews_equal_what_temporal_does(client: Client, after: datetime, days: int):
    for spec in random_specs():
        wanted = await matching(client, spec, after, days if not too_many(spec) else 2)
        found = preview(spec, after, len(wanted) + 1)
        assert [item.utc for item in found[: len(wanted)]] == wanted, spec
        if not too_many(spec):
            beyond = [item.utc for item in found[len(wanted) :]]
            assert all(at > after + timedelta(days=days) for at in beyond), spec


def too_many(spec: ScheduleSpec) -> bool:
    every_minute = calendars(parse_cron("* * * * *"))
    return any(source.calendars == every_minute for source in spec.sources)


async def test_sparse_slots_of_many_years(client: Client):
    after = datetime(2026, 1, 1, tzinfo=UTC)
    for text in ("15 4 29 2 *", "0 0 * 2 MON#5", "0 0 31 12 *"):
        spec = ScheduleSpec((cron(text),))
        wanted = await matching(client, spec, after, 366 * 40)
        assert [item.utc for item in preview(spec, after, len(wanted))] == wanted
        assert wanted


async def test_bounds_are_inclusive_for_temporal_too(client: Client):
    starts, ends = (datetime(2026, 5, day, 9, tzinfo=UTC) for day in (3, 7))
    source = SlotSource(calendars(parse_cron("0 9 * * *")), starts=starts, ends=ends)
    spec = ScheduleSpec((source,))
    wanted = await matching(client, spec, datetime(2026, 5, 1, tzinfo=UTC), 30)
    assert (wanted[0], wanted[-1], len(wanted)) == (starts, ends, 5)
    assert [item.utc for item in preview(spec, datetime(2026, 5, 1, tzinfo=UTC), 9)] == wanted


@pytest.mark.parametrize(
    "zone",
    [
        "Africa/Cairo",
        "Africa/Casablanca",
        "America/Havana",
        "America/New_York",
        "America/Nuuk",
        "America/Santiago",
        "Antarctica/Troll",
        "Asia/Beirut",
        "Atlantic/Azores",
        "Australia/Lord_Howe",
        "Europe/Berlin",
        "Europe/Dublin",
        "Pacific/Chatham",
    ],
)
async def test_where_clocks_change_temporal_ticks_at_what_we_rely_on(client: Client, zone: str):
    """With each policy, and for slots of every hour: the margin around a change is wide enough."""
    for change in changes(zone, 2026, 2026):
        after = (change - timedelta(days=2)).replace(hour=0)
        until = after + timedelta(days=4)
        policies = [DstConfig(gap=g, fold=f) for g, f in product(GapPolicy, FoldPolicy)]
        for text in ("*/30 * * * *", "30 2 * * *", "0 0,6,9,21 * * *"):
            spec = ScheduleSpec((cron(text, zone),))
            ticks = set(await matching(client, spec, after, 4))
            for dst in policies:
                source = SlotSource(calendars(parse_cron(text)), timezone=zone, dst=dst)
                slots = list(slots_between(ScheduleSpec((source,)), after, until))
                relied_on = {slot.at for slot in slots if slot.ticks}
                assert relied_on, (text, change)
                assert relied_on <= ticks, (text, dst, sorted(relied_on - ticks))
