"""The reference of reconciling: Temporal Schedules, created and nothing else.

Each has a calendar of its own, as ours have; nobody serves the workflows that they would start.
"""

from collections.abc import Iterator
from itertools import count

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleCalendarSpec,
    ScheduleRange,
    ScheduleSpec,
)

from benchmarks.bare_workflow import Bare, bounded
from benchmarks.clocks import Weekly

QUEUE = "bench-nobody"


async def create_bare_schedules(client: Client, number: int, at_once: int) -> None:
    """So many, with different clocks, so many requests under way at a time."""
    numbers = count()
    await bounded(number, at_once, lambda: _create(client, numbers))


async def _create(client: Client, numbers: Iterator[int]) -> None:
    number = next(numbers)
    action = ScheduleActionStartWorkflow(
        Bare.run, f"{number}", id=f"bare-{number}", task_queue=QUEUE
    )
    schedule = Schedule(action=action, spec=_spec(Weekly(number)))
    await client.create_schedule(f"bare-{number}", schedule)


def _spec(clock: Weekly) -> ScheduleSpec:
    return ScheduleSpec(
        calendars=[
            ScheduleCalendarSpec(
                minute=[ScheduleRange(clock.minute)],
                hour=[ScheduleRange(clock.hour)],
                day_of_week=[ScheduleRange(clock.weekday)],
            )
        ]
    )
