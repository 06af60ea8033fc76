"""What every scheduler keeps, kept by Temporal: the suite of `test_scheduler` on a real server.

And what only Temporal can show: schedules that somebody changed by hand.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleCalendarSpec,
    ScheduleRange,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from tests.contract.test_scheduler import (
    CHASE,
    CLOCKS,
    HOURLY,
    WANTED,
    cron,
    shown,
    test_a_clock_is_seen_as_it_was_put,  # noqa: F401 - the suite
    test_nothing_is_there_at_first,  # noqa: F401
    test_what_is_there_can_be_changed,  # noqa: F401
    test_what_was_deleted_is_gone_and_may_come_back,  # noqa: F401
    test_what_was_put_is_there,  # noqa: F401
)
from tests.temporal_server import eventually, temporal_client

from activity_core.adapters.system_clock import SystemClock
from activity_core.adapters.temporal import scheduler as module
from activity_core.adapters.temporal.scheduler import TemporalScheduler
from activity_core.core.schedule.spec import IntervalSpec
from activity_core.ports.scheduler import ExistingSchedule, SchedulePage, WantedSchedule


class Settled:
    """The scheduler, looked at when Temporal's list, which lags, has caught up (or never does)."""

    def __init__(self, inner: TemporalScheduler) -> None:
        self.inner = inner
        self.find = inner.find
        self.expected: dict[str, ExistingSchedule] = {}

    async def existing(self) -> Mapping[str, ExistingSchedule]:
        async def caught_up() -> bool:
            return await self.inner.existing() == self.expected

        with suppress(TimeoutError):
            await eventually(caught_up, seconds=10)
        return await self.inner.existing()

    async def page(self, token: bytes = b"") -> SchedulePage:
        await self.existing()
        return await self.inner.page(token)

    async def put(self, wanted: WantedSchedule) -> None:
        await self.inner.put(wanted)
        self.expected[wanted.schedule_id] = shown(wanted)

    async def delete(self, schedule_id: str) -> None:
        await self.inner.delete(schedule_id)
        self.expected.pop(schedule_id, None)


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with temporal_client() as client:
        yield client


@pytest.fixture
async def scheduler(client: Client) -> AsyncIterator[Settled]:
    settled = Settled(TemporalScheduler(client, "nobody"))
    yield settled
    for schedule_id in list(settled.expected):
        await settled.delete(schedule_id)
    await settled.existing()


def another_workflow(schedule: Schedule) -> None:
    schedule.action = ScheduleActionStartWorkflow("Other", id="other", task_queue="nobody")


def every_second_of_a_minute(schedule: Schedule) -> None:
    minute = [ScheduleRange(0)]
    schedule.spec.calendars = [ScheduleCalendarSpec(second=[ScheduleRange(0, 59)], minute=minute)]


BY_HAND: dict[str, Callable[[Schedule], None]] = {
    "times": lambda schedule: setattr(schedule.spec, "intervals", []),
    "seconds": every_second_of_a_minute,
    "jitter": lambda schedule: setattr(schedule.spec, "jitter", timedelta(seconds=9)),
    "zone": lambda schedule: setattr(schedule.spec, "time_zone_name", "Asia/Tokyo"),
    "end": lambda schedule: setattr(schedule.spec, "end_at", datetime(2050, 1, 1, tzinfo=UTC)),
    "days left out": lambda schedule: setattr(schedule.spec, "skip", [ScheduleCalendarSpec()]),
    "text": lambda schedule: setattr(schedule, "spec", ScheduleSpec(cron_expressions=["@daily"])),
    "workflow": another_workflow,
}


async def change_by_hand(client: Client, change: Callable[[Schedule], None]) -> None:
    def changed(found: ScheduleUpdateInput) -> ScheduleUpdate:
        change(found.description.schedule)
        return ScheduleUpdate(found.description.schedule)

    await client.get_schedule_handle(CHASE).update(changed)


@pytest.mark.parametrize("change", BY_HAND.values(), ids=BY_HAND.keys())
async def test_a_change_by_hand_is_seen_though_the_note_stays(
    client: Client, scheduler: Settled, change: Callable[[Schedule], None]
):
    await scheduler.put(replace(WANTED, clock=CLOCKS["both"]))
    assert await scheduler.existing() == scheduler.expected
    await change_by_hand(client, change)

    async def differs() -> bool:
        return await scheduler.inner.existing() != scheduler.expected

    await eventually(differs)
    found = await scheduler.find(CHASE)
    assert found is not None
    assert found != scheduler.expected[CHASE]
    assert (await scheduler.inner.existing())[CHASE] == found


async def test_what_the_note_says_does_not_matter_to_a_clock_that_is_listed_whole(
    client: Client, scheduler: Settled
):
    await scheduler.put(WANTED)
    await change_by_hand(client, lambda schedule: setattr(schedule.state, "note", "hello"))
    assert await scheduler.find(CHASE) == shown(WANTED)
    assert dict(await scheduler.existing()) == {CHASE: shown(WANTED)}


async def test_of_a_clock_that_is_not_listed_whole_a_change_is_seen(
    client: Client, scheduler: Settled
):
    await scheduler.put(replace(WANTED, clock=CLOCKS["many"]))

    def last_first(schedule: Schedule) -> None:
        schedule.spec.calendars = list(reversed(schedule.spec.calendars))

    await change_by_hand(client, last_first)
    found = await scheduler.find(CHASE)
    assert found is not None
    assert found.fingerprint != CLOCKS["many"].fingerprint


async def test_schedules_of_others_are_left_out(client: Client, scheduler: Settled):
    await scheduler.put(WANTED)
    described = await client.get_schedule_handle(CHASE).describe()
    theirs = await client.create_schedule("theirs", described.schedule)
    try:
        assert dict(await scheduler.existing()) == {CHASE: shown(WANTED)}
    finally:
        await theirs.delete()


async def test_it_is_listed_page_after_page(scheduler: Settled, monkeypatch: pytest.MonkeyPatch):
    for name in "abc":
        await scheduler.put(replace(WANTED, schedule_id=f"activity-schedule-{name}"))
    await scheduler.existing()
    monkeypatch.setattr(module, "PAGE", 2)
    first = await scheduler.inner.page()
    second = await scheduler.inner.page(first.following)
    assert (len(first.schedules), len(second.schedules), second.following) == (2, 1, b"")
    assert await scheduler.inner.existing() == scheduler.expected


async def test_a_change_never_ticks_for_a_past_slot(client: Client, scheduler: Settled):
    passed = SystemClock().now() - timedelta(seconds=5)
    offset = timedelta(seconds=int(passed.timestamp()) % 3600)
    just_missed = replace(HOURLY, intervals=(IntervalSpec(timedelta(hours=1), offset),))
    minute = cron(f"{passed.minute} * * * *")
    handle = client.get_schedule_handle(CHASE)
    for clock, paused in [
        (CLOCKS["interval with offset"], False),
        (just_missed, False),
        (just_missed, True),
        (just_missed, False),
        (minute, False),
    ]:
        await scheduler.put(WantedSchedule(CHASE, clock, paused))
        assert await scheduler.existing() == scheduler.expected
    described = await handle.describe()
    assert described.info.num_actions == 0
    assert described.schedule.policy.catchup_window == timedelta(seconds=60)
