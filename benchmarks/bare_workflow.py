"""The reference of runs: a workflow that does nothing, on the same server.

Its worker is built like ours (same sandbox, same bounds), in the same process, on the client that
starts it, and starts are eager on both sides.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count

from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker

QUEUE = "bench-bare"
_numbers = count()


@workflow.defn
class Bare:
    """Starts and completes."""

    @workflow.run
    async def run(self, text: str) -> str:
        """Give back what came: an id, as ours gets one."""
        return text


@asynccontextmanager
async def bare_worker(client: Client) -> AsyncIterator[None]:
    """Serves `Bare` while inside."""
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[Bare],
        max_concurrent_workflow_tasks=50,
    ):
        yield


async def bare_run(client: Client) -> None:
    """One workflow from its start to the answer that it is complete."""
    id_ = f"bare-{next(_numbers)}"
    await client.execute_workflow(Bare.run, id_, id=id_, task_queue=QUEUE, request_eager_start=True)


async def bounded(number: int, at_once: int, work: Callable[[], Awaitable[None]]) -> None:
    """Do `work` so many times, so many of them at the same time."""
    left = iter(range(number))

    async def one_of_many() -> None:
        for _ in left:
            await work()

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(one_of_many())
