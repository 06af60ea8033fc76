"""What every scheduler keeps. Another adapter joins as a parameter of `scheduler`."""

from dataclasses import replace
from datetime import timedelta

import pytest

from activity_core.adapters.memory.scheduler import MemoryScheduler
from activity_core.core.errors import UnavailableError
from activity_core.core.schedule import IntervalSpec, ScheduleSpec
from activity_core.ports.scheduler import ExistingSchedule, Scheduler, WantedSchedule

HOURLY = ScheduleSpec(interval=IntervalSpec(timedelta(hours=1)))
DAILY = ScheduleSpec(interval=IntervalSpec(timedelta(days=1)))
WANTED = WantedSchedule("chase", HOURLY, paused=False)


@pytest.fixture(params=["memory"])
def scheduler(request: pytest.FixtureRequest) -> Scheduler:
    return MemoryScheduler()


async def test_nothing_is_there_at_first(scheduler: Scheduler):
    assert dict(await scheduler.existing()) == {}


async def test_what_was_put_is_there(scheduler: Scheduler):
    for _ in range(2):
        await scheduler.put(WANTED)
    there = ExistingSchedule("chase", HOURLY.fingerprint, paused=False)
    assert dict(await scheduler.existing()) == {"chase": there}


@pytest.mark.parametrize("change", [{"spec": DAILY}, {"paused": True}])
async def test_what_is_there_can_be_changed(scheduler: Scheduler, change: dict[str, object]):
    await scheduler.put(WANTED)
    await scheduler.put(WantedSchedule("other", DAILY, paused=True))
    changed = replace(WANTED, **change)  # type: ignore[arg-type]
    await scheduler.put(changed)
    assert dict(await scheduler.existing()) == {
        "chase": ExistingSchedule("chase", changed.spec.fingerprint, changed.paused),
        "other": ExistingSchedule("other", DAILY.fingerprint, paused=True),
    }


async def test_what_was_deleted_is_gone_and_may_come_back(scheduler: Scheduler):
    await scheduler.put(WANTED)
    for _ in range(2):
        await scheduler.delete("chase")
    assert dict(await scheduler.existing()) == {}
    await scheduler.put(WANTED)
    assert set(await scheduler.existing()) == {"chase"}


async def test_the_twin_fails_on_demand():
    twin = MemoryScheduler()
    twin.failures.before(UnavailableError("away"))
    with pytest.raises(UnavailableError):
        await twin.put(WANTED)
    assert twin.wanted == {}
