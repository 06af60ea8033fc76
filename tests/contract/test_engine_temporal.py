"""What every engine keeps, kept by Temporal: the suite of `test_engine` on a real server."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowInput,
    WorkflowExecutionStatus,
    WorkflowHandle,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker
from tests.contract.test_engine import (  # noqa: F401 - the suite
    TASK_WORKFLOW,
    Bench,
    test_a_case_is_started_or_rung_and_started_again,
    test_a_closed_workflow_is_not_started_again,
    test_a_task_is_started_once,
    test_a_tick_may_be_asked_for_again_and_again,
    test_only_running_workflows_are_cancelled,
    test_only_running_workflows_are_signalled,
    test_only_running_workflows_are_terminated,
    test_starting_twice_is_starting_once,
    test_what_was_started_is_running,
)
from tests.scripted_steps import DONE, ScriptedSteps, fatal, human, perform
from tests.temporal_server import eventually, temporal_client

from activity_core.adapters.temporal.engine import OVERDUE_TICK, TemporalEngine
from activity_core.core.errors import UnavailableError
from activity_core.core.run.progress import TaskStep
from activity_core.core.run.run import Execution
from activity_core.ports.engine import Purpose, WorkflowState
from activity_core.workflows.messages import SLOT_TICK
from activity_core.workflows.run_activity import RunActivity

COUNTER = itertools.count()


class Impatient(Interceptor):
    """Workflows time out soon, so that one that nobody works on does."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002
        class Hurry(OutboundInterceptor):
            async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:  # noqa: A002
                return await super().start_workflow(
                    replace(input, execution_timeout=timedelta(seconds=1))
                )

        return Hurry(next)


class Away(Interceptor):
    """Temporal cannot be reached."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002
        class Nowhere(OutboundInterceptor):
            async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:  # noqa: A002
                raise RPCError("nobody there", RPCStatusCode.UNAVAILABLE, b"")

        return Nowhere(next)


def with_interceptor(client: Client, interceptor: Interceptor) -> Client:
    config = client.config()
    config["interceptors"] = [interceptor]
    return Client(**config)


class Apart:
    """The engine with workflow ids of this test alone; that of the task one test alone has."""

    def __init__(self, engine: TemporalEngine, prefix: str) -> None:
        self.engine = engine
        self.prefix = prefix

    def named(self, workflow_id: str) -> str:
        return workflow_id if workflow_id == TASK_WORKFLOW else self.prefix + workflow_id

    async def start(self, execution: Execution) -> None:
        name = self.named(execution.workflow_id)
        await self.engine.start(replace(execution, workflow_id=name))

    async def start_task(self, step: TaskStep, purpose: Purpose) -> None:
        await self.engine.start_task(step, purpose)

    async def start_case(self, case_id: str, workflow_id: str, purpose: Purpose) -> None:
        await self.engine.start_case(case_id, self.named(workflow_id), purpose)

    async def signal(self, workflow_id: str) -> bool:
        return await self.engine.signal(self.named(workflow_id))

    async def cancel(self, workflow_id: str) -> bool:
        return await self.engine.cancel(self.named(workflow_id))

    async def terminate(self, workflow_id: str) -> bool:
        return await self.engine.terminate(self.named(workflow_id))

    async def tick(self) -> None:
        await self.engine.tick()

    async def state(self, workflow_id: str) -> WorkflowState:
        return await self.engine.state(self.named(workflow_id))


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with temporal_client() as client:
        yield client


@pytest.fixture
def bench(client: Client, request: pytest.FixtureRequest) -> Bench:
    if "timed_out" in request.node.name:
        client = with_interceptor(client, Impatient())
    queue = f"contract-{next(COUNTER)}"
    engine = Apart(TemporalEngine(client, queue), f"{queue}-")
    scripts = {
        WorkflowState.COMPLETED: ScriptedSteps([DONE]),
        WorkflowState.FAILED: ScriptedSteps([fatal()]),
        WorkflowState.CANCELLED: ScriptedSteps([perform(human("h"))]),
    }

    async def end(workflow_id: str, state: WorkflowState) -> None:
        handle = client.get_workflow_handle(engine.named(workflow_id))

        async def ended() -> bool:
            return await engine.state(workflow_id) is state

        if state is WorkflowState.TERMINATED:
            await handle.terminate()
        if state is WorkflowState.CANCELLED:
            await handle.cancel()
        if state not in scripts:
            return await eventually(ended)
        steps = scripts[state].all
        async with Worker(client, task_queue=queue, workflows=[RunActivity], activities=steps):
            await eventually(ended)
        return None

    return Bench(engine, end)


async def test_one_tick_waits_for_a_worker_however_often_it_is_asked_for(client: Client):
    engine = TemporalEngine(client, "no-worker")
    handle = client.get_workflow_handle(OVERDUE_TICK)
    await engine.tick()
    first = await handle.describe()
    assert (first.workflow_type, first.status) == (SLOT_TICK, WorkflowExecutionStatus.RUNNING)
    await engine.tick()
    assert (await handle.describe()).run_id == first.run_id

    await handle.terminate()
    await engine.tick()
    assert (await handle.describe()).run_id != first.run_id


async def test_no_tick_while_temporal_is_away(client: Client):
    with pytest.raises(UnavailableError):
        await TemporalEngine(with_interceptor(client, Away()), "no-worker").tick()
