"""RunActivity on a real server with scripted steps."""

import itertools
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker
from tests.scripted_steps import ScriptedSteps

from activity_core.workflows.messages import RunRequest, RunResult
from activity_core.workflows.run_activity import RunActivity

COUNTER = itertools.count()
Handle = WorkflowHandle[RunActivity, RunResult]


async def start(client: Client, queue: str) -> Handle:
    return await client.start_workflow(
        RunActivity.run,
        RunRequest(execution_id="exec-1"),
        id=f"{queue}-run",
        task_queue=queue,
        task_timeout=timedelta(seconds=4),
    )


class Stage:
    """A worker that plays a script; `handle` is the workflow on it."""

    def __init__(
        self,
        client: Client,
        steps: ScriptedSteps,
        *,
        activities: Sequence[Callable[..., Any]] = (),
        workflows: Sequence[type] = (),
    ) -> None:
        self.client = client
        self.steps = steps
        self.queue = f"test-{next(COUNTER)}"
        # The default sandbox, nothing passed through: what is forbidden must fail here.
        self.worker = Worker(
            client,
            task_queue=self.queue,
            workflows=[RunActivity, *workflows],
            activities=[*steps.all, *activities],
            max_cached_workflows=100,
        )

    async def start(self) -> Handle:
        return await start(self.client, self.queue)

    async def play(self) -> Handle:
        async with self.worker:
            handle = await self.start()
            await handle.result()
        return handle


async def play(client: Client, steps: ScriptedSteps) -> list[str]:
    await Stage(client, steps).play()
    return steps.calls
