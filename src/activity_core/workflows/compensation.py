"""Undoing what is completed of a group, or of a whole run: one compensation after the other.

Used by `task_graph` once nothing of the group is under way. Which ones there are and in what order
is in the database; so whoever goes on later goes on where this one stopped.
"""

from collections.abc import Awaitable, Callable

from activity_core.core.run.progress import TaskEnd, TaskStep
from activity_core.workflows.calls import local
from activity_core.workflows.machine_tasks import FAILED
from activity_core.workflows.messages import (
    BEGIN_COMPENSATION,
    COMPENSATION_FAILED,
    BeginCompensation,
    CompensationFailed,
    Compensations,
)


async def compensate(
    order: BeginCompensation,
    do: Callable[[TaskStep], Awaitable[TaskEnd]],
    interrupted: Callable[[], bool],
) -> bool:
    """`do` them all; False if `interrupted` said so before the last one was done."""
    done: set[str] = set()
    while steps := await _left(order, done):
        for step in steps:
            if interrupted():
                return False
            if (await do(step)).status == FAILED:
                await local(COMPENSATION_FAILED, CompensationFailed(step.task_id), type(None))
            done.add(step.task_id)
    return True


async def _left(order: BeginCompensation, done: set[str]) -> list[TaskStep]:
    found = await local(BEGIN_COMPENSATION, order, Compensations)
    return [step for step in found.steps if step.task_id not in done]
