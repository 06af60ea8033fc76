"""The reference of tasks: Temporal activities that do nothing, called by a workflow of Temporal's.

One of them, or ten thousand in windows with a new history every so often. Workers as in
`bare_workflow`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

QUEUE = "bench-bare-activities"
PER_HISTORY = 1_000
_numbers = count()


@activity.defn
async def nothing(text: str) -> str:
    """What a task of ours does in its plug-in."""
    return text


@workflow.defn
class BareActivities:
    """So many activities, `at_once` at the same time; continues as new like ours."""

    @workflow.run
    async def run(self, left: int, at_once: int) -> None:
        """Do all that is left."""
        now = min(left, PER_HISTORY)
        numbers = iter(range(now))

        async def one_of_many() -> None:
            for number in numbers:
                await workflow.execute_activity(
                    nothing, str(number), start_to_close_timeout=timedelta(seconds=30)
                )

        await asyncio.gather(*(one_of_many() for _ in range(min(at_once, now))))
        if left > now:
            workflow.continue_as_new(args=[left - now, at_once])


@asynccontextmanager
async def bare_activities_worker(client: Client) -> AsyncIterator[None]:
    """Serves both while inside."""
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[BareActivities],
        activities=[nothing],
        max_concurrent_workflow_tasks=50,
        max_concurrent_activities=50,
    ):
        yield


async def bare_activities(client: Client, number: int, at_once: int) -> None:
    """One workflow from its start to the answer that it is complete."""
    await client.execute_workflow(
        BareActivities.run,
        args=[number, at_once],
        id=f"bare-activities-{next(_numbers)}",
        task_queue=QUEUE,
        request_eager_start=True,
    )
