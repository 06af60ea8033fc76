"""The agents that serve Temporal: workers of runs, and of task queues that templates name."""

import asyncio

from temporalio.common import WorkerDeploymentVersion

from activity_core.bootstrap.system import System
from activity_core.bootstrap.worker_steps import case_steps, run_steps
from activity_core.settings import RUNS_QUEUE, Settings
from activity_core.workflows.worker import task_workers, workers


async def worker(system: System) -> None:
    """Carries out runs and performs automated tasks."""
    client, settings = await system.temporal_when_there(), system.settings
    extra, rates = settings.task_queues, settings.task_queue_rates
    cases, version = case_steps(system), _version(settings)
    async with workers(
        client, run_steps(system), RUNS_QUEUE, extra, rates, cases=cases, version=version
    ):
        await asyncio.Event().wait()


def _version(settings: Settings) -> WorkerDeploymentVersion | None:
    if not settings.worker_deployment:
        return None
    return WorkerDeploymentVersion(settings.worker_deployment, settings.worker_build_id)


async def task_worker(system: System) -> None:
    """Performs automated tasks of the queues that the settings name, and carries out no runs."""
    client, settings = await system.temporal_when_there(), system.settings
    steps = run_steps(system)
    queues, rates = settings.task_queues, settings.task_queue_rates
    async with task_workers(client, steps, queues, rates, _version(settings)):
        await asyncio.Event().wait()
