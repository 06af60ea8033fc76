"""PerformTask on a real server with scripted steps: a notification that nobody waits for."""

import itertools
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker
from tests.scripted_steps import ScriptedSteps, auto, fatal
from tests.temporal_server import temporal_client

from activity_core.adapters.temporal.engine import TemporalEngine
from activity_core.ports.engine import Purpose
from activity_core.workflows.messages import UNAVAILABLE
from activity_core.workflows.perform_task import PerformTask

COUNTER = itertools.count()


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with temporal_client() as client:
        yield client


async def play(client: Client, steps: ScriptedSteps, *, queue: str = "") -> str:
    """How the task ended; started by the engine, in the default sandbox."""
    number = next(COUNTER)
    runs = f"perform-task-{number}"
    task = f"task-{number}-alone"
    async with (
        Worker(client, task_queue=runs, workflows=[PerformTask], activities=steps.all),
        Worker(client, task_queue=f"{runs}-extra", activities=[steps.perform_task]),
    ):
        step = auto(task, queue=queue and f"{runs}-{queue}")
        await TemporalEngine(client, runs).start_task(step, Purpose("d", 1, task))
        handle = client.get_workflow_handle(f"activity-task-{task}", result_type=str)
        return str(await handle.result())


def names(steps: ScriptedSteps) -> list[str]:
    return [call.split()[0] for call in steps.calls]


@pytest.mark.parametrize("queue", ["", "extra"])
async def test_it_is_performed(client: Client, queue: str):
    steps = ScriptedSteps([])
    assert await play(client, steps, queue=queue) == "completed"
    assert names(steps) == ["perform"]


async def test_it_is_tried_again_and_then_failed(client: Client):
    class Twice(ScriptedSteps):
        def _note(self, call: str, *keys: str) -> None:
            super()._note(call, *keys)
            if call.startswith("perform"):
                raise ApplicationError("busy", type="smtp_451")

    steps = Twice([])
    assert await play(client, steps) == "failed"
    assert names(steps) == ["perform", "perform", "fail_task"]


async def test_what_cannot_succeed_is_not_tried_again(client: Client):
    class Never(ScriptedSteps):
        def _note(self, call: str, *keys: str) -> None:
            super()._note(call, *keys)
            if call.startswith("perform"):
                raise fatal("smtp_550")

    steps = Never([])
    assert await play(client, steps) == "failed"
    assert names(steps) == ["perform", "fail_task"]


async def test_an_outage_of_ours_costs_no_attempt(client: Client):
    away = [ApplicationError("away", type=UNAVAILABLE, non_retryable=True)]

    class Away(ScriptedSteps):
        def _note(self, call: str, *keys: str) -> None:
            super()._note(call, *keys)
            if call.startswith("perform") and away:
                raise away.pop()

    steps = Away([])
    assert await play(client, steps) == "completed"
    assert names(steps) == ["perform", "perform"]
