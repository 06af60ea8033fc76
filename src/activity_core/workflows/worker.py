"""The workers: of our workflows with their steps, and of the task queues that templates name.

The only place that says which modules the workflow sandbox passes through: those without a state,
whose reloading for every workflow would cost a third more of CPU (16 instead of 12 ms) and twice
as much with the dataclasses. What the sandbox forbids is forbidden to them by lint, and the tests
of workflows run without passing them through.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import Worker, WorkerDeploymentConfig
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activity_core.workflows.case_steps import CaseSteps
from activity_core.workflows.ongoing_case import OngoingCase, UpgradingCase
from activity_core.workflows.perform_task import PerformTask
from activity_core.workflows.run_activity import RunActivity
from activity_core.workflows.slot_tick import SlotTick
from activity_core.workflows.steps import RunSteps

PASSED_THROUGH = (
    "activity_core.core.case.progress",
    "activity_core.core.run.graph",
    "activity_core.core.run.join",
    "activity_core.core.run.progress",
    "activity_core.workflows.calls",
    "activity_core.workflows.case_messages",
    "activity_core.workflows.compensation",
    "activity_core.workflows.failures",
    "activity_core.workflows.gathering",
    "activity_core.workflows.machine_tasks",
    "activity_core.workflows.messages",
    "activity_core.workflows.ongoing_case",
    "activity_core.workflows.outcome",
    "activity_core.workflows.outside",
    "activity_core.workflows.perform_task",
    "activity_core.workflows.run_activity",
    "activity_core.workflows.slot_tick",
    "activity_core.workflows.task_graph",
)

GRACE = timedelta(seconds=10)
"""On shutdown, how long steps under way may take to end."""

SETTLING = 0.3
"""Seconds after shutdown in which threads of the SDK still hand over their last results. An
interpreter that ends meanwhile aborts: 4 of 45 exits without this pause, none of 90 with it."""


def build_worker(
    client: Client,
    steps: RunSteps,
    queue: str,
    *,
    cases: CaseSteps | None = None,
    version: WorkerDeploymentVersion | None = None,
    parallel: int = 50,
) -> Worker:
    """A worker for runs and, with their steps, for cases.

    With a `version` it only gets workflows once that is current. Runs stay with it; cases, which
    may last for years, move to the next one.
    `parallel` bounds workflow tasks, local and ordinary activities each. A starter whose client
    this is may have its workflows started on it eagerly.
    """
    case = OngoingCase if version is None else UpgradingCase
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    return Worker(
        client,
        task_queue=queue,
        workflows=[RunActivity, SlotTick, PerformTask, *([case] if cases else ())],
        activities=[*steps.of_runs, *(cases.all if cases else ())],
        workflow_runner=SandboxedWorkflowRunner(restrictions=restrictions),
        deployment_config=_deployment(version),
        max_concurrent_workflow_tasks=parallel,
        max_concurrent_local_activities=parallel,
        max_concurrent_activities=parallel,
        graceful_shutdown_timeout=GRACE,
    )


def build_task_worker(
    client: Client,
    steps: RunSteps,
    queue: str,
    *,
    rate: float | None = None,
    version: WorkerDeploymentVersion | None = None,
    parallel: int = 50,
) -> Worker:
    """A worker for one queue that task templates name.

    `rate`: attempts that may begin per second, over all workers of the queue.
    """
    return Worker(
        client,
        task_queue=queue,
        activities=steps.of_tasks,
        deployment_config=_deployment(version),
        max_concurrent_activities=parallel,
        max_task_queue_activities_per_second=rate,
        graceful_shutdown_timeout=GRACE,
    )


def _deployment(version: WorkerDeploymentVersion | None) -> WorkerDeploymentConfig | None:
    """Here and not at `RunActivity`: said there, workers without a version would hang."""
    if version is None:
        return None
    return WorkerDeploymentConfig(
        version=version,
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


@asynccontextmanager
async def task_workers(
    client: Client,
    steps: RunSteps,
    queues: Sequence[str],
    rates: Mapping[str, float],
    version: WorkerDeploymentVersion | None = None,
) -> AsyncIterator[None]:
    """Workers for queues that task templates name, while inside; `rates` by queue."""
    async with AsyncExitStack() as stack:
        for queue in dict.fromkeys(queues):
            worker = build_task_worker(client, steps, queue, rate=rates.get(queue), version=version)
            await stack.enter_async_context(worker)
        yield
    await asyncio.sleep(SETTLING)


@asynccontextmanager
async def workers(
    client: Client,
    steps: RunSteps,
    queue: str,
    extra_queues: Sequence[str] = (),
    rates: Mapping[str, float] | None = None,
    *,
    cases: CaseSteps | None = None,
    version: WorkerDeploymentVersion | None = None,
) -> AsyncIterator[Worker]:
    """Workers for the runs and for every extra queue, while inside; yields that of the runs.

    With the steps of `cases` it serves those as well.
    """
    extra = [each for each in extra_queues if each != queue]
    async with (
        task_workers(client, steps, extra, rates or {}, version),
        build_worker(client, steps, queue, cases=cases, version=version) as worker,
    ):
        yield worker
