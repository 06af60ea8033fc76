"""SlotTick on a real server with a scripted settler: what it does, and what its history holds."""

import itertools
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker
from tests.scripted_steps import ScriptedSettler
from tests.temporal_server import eventually, temporal_client

from activity_core.adapters.temporal.engine import TemporalEngine
from activity_core.adapters.temporal.scheduler import TemporalScheduler
from activity_core.core import ids
from activity_core.core.schedule.clock import ClockSpec
from activity_core.core.schedule.spec import IntervalSpec
from activity_core.ports.scheduler import WantedSchedule
from activity_core.workflows.slot_tick import SlotTick

COUNTER = itertools.count()
ONE_STEP = [
    "WORKFLOW_EXECUTION_STARTED",
    "WORKFLOW_TASK_SCHEDULED",
    "WORKFLOW_TASK_STARTED",
    "WORKFLOW_TASK_COMPLETED",
    "MARKER_RECORDED",
    "WORKFLOW_EXECUTION_COMPLETED",
]


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with temporal_client() as client:
        yield client


@pytest.fixture
def queue() -> str:
    return f"ticks-{next(COUNTER)}"


def worker(client: Client, queue: str, settler: ScriptedSettler) -> Worker:
    """In the default sandbox: what is forbidden to workflow code must fail here."""
    return Worker(client, task_queue=queue, workflows=[SlotTick], activities=[settler.settle_slots])


async def play(client: Client, queue: str, settler: ScriptedSettler) -> list[str]:
    """Kinds of the events of one tick's history."""
    async with worker(client, queue, settler):
        handle: WorkflowHandle[SlotTick, int] = await client.start_workflow(
            SlotTick.run, id=f"{queue}-tick", task_queue=queue, task_timeout=timedelta(seconds=4)
        )
        assert await handle.result() == settler.runs
    return [
        EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")
        for event in (await handle.fetch_history()).events
    ]


async def test_a_tick_is_one_local_activity_in_one_workflow_task(
    client: Client, queue: str
) -> None:
    settler = ScriptedSettler(runs=3)
    assert await play(client, queue, settler) == ONE_STEP
    assert settler.asked == [f"{queue}-tick"]


async def test_an_outage_of_ours_is_outlived_by_timers(client: Client, queue: str) -> None:
    away = ApplicationError("away", type="unavailable")
    settler = ScriptedSettler(errors=[away] * 5)
    kinds = await play(client, queue, settler)
    assert len(settler.asked) == 6
    assert "TIMER_FIRED" in kinds
    assert "WORKFLOW_TASK_TIMED_OUT" not in kinds
    assert "WORKFLOW_TASK_FAILED" not in kinds


async def test_a_schedule_ticks_for_each_slot_and_says_which(client: Client, queue: str) -> None:
    scheduler, settler = TemporalScheduler(client, queue), ScriptedSettler()
    schedule_id = ids.schedule_id(queue)
    clock = ClockSpec(intervals=(IntervalSpec(timedelta(seconds=1)),))

    async def three_ticks() -> bool:
        return len(settler.asked) >= 3

    async with worker(client, queue, settler):
        await scheduler.put(WantedSchedule(schedule_id, clock, paused=False))
        try:
            await eventually(three_ticks)
        finally:
            await scheduler.delete(schedule_id)
    nominal = [ids.slot_of_tick(workflow_id) for workflow_id in settler.asked]
    assert None not in nominal
    assert len(set(nominal)) == len(nominal)
    first = nominal[0]
    assert isinstance(first, datetime)
    assert nominal[:3] == [first + timedelta(seconds=number) for number in range(3)]
    assert {workflow_id.partition(queue)[0] for workflow_id in settler.asked} == {"activity-tick-"}


async def test_somebody_who_missed_a_slot_has_one_tick_at_a_time(
    client: Client, queue: str
) -> None:
    engine, settler = TemporalEngine(client, queue), ScriptedSettler()
    await engine.tick()
    await engine.tick()  # nobody was there yet: one is asked already

    async def ticked() -> bool:
        return bool(settler.asked)

    async with worker(client, queue, settler):
        await eventually(ticked)
        handle = client.get_workflow_handle(settler.asked[0])
        await handle.result()
        assert len(settler.asked) == 1
        await engine.tick()  # another one, when the first is over

        async def twice() -> bool:
            return len(settler.asked) == 2

        await eventually(twice)
    assert [ids.slot_of_tick(workflow_id) for workflow_id in settler.asked] == [None, None]
