"""Workers with a version on a real Temporal server: runs stay with a build, cases move on."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import pytest
from temporalio.api.enums.v1 import VersioningBehavior
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkerDeploymentVersion
from temporalio.service import RPCError
from temporalio.worker import Worker
from tests.scripted_steps import ScriptedSteps, human, perform
from tests.scripted_turns import ScriptedTurns, turn
from tests.temporal_server import eventually, temporal_client

from activity_core.adapters.temporal.engine import TemporalEngine
from activity_core.core.run.run import Execution
from activity_core.ports.engine import Purpose
from activity_core.workflows.case_messages import SETTLE
from activity_core.workflows.case_steps import CaseSteps
from activity_core.workflows.steps import RunSteps
from activity_core.workflows.worker import build_worker

COUNTER = itertools.count()
BEHAVIOURS = VersioningBehavior
PURPOSE = Purpose("follow", 1, "case-1")
RUN, CASE = "activity-run", "activity-case"


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with temporal_client() as client:
        yield client


class Deployment:
    """One queue whose workers have versions; a run that waits for a person, and a case."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.name = f"versioned-{next(COUNTER)}"
        self.engine = TemporalEngine(client, self.name, eager=False)

    def worker(self, build: str) -> Worker:
        steps = SimpleNamespace(of_runs=ScriptedSteps([perform(human("ask"))]).all)
        cases = SimpleNamespace(all=ScriptedTurns([turn()] * 9).all)
        version = WorkerDeploymentVersion(self.name, build) if build else None
        return build_worker(
            self.client,
            cast("RunSteps", steps),
            self.name,
            cases=cast("CaseSteps", cases),
            version=version,
        )

    async def make_current(self, build: str) -> None:
        request = SetWorkerDeploymentCurrentVersionRequest(
            namespace=self.client.namespace, deployment_name=self.name, build_id=build
        )

        async def is_current() -> bool:
            try:
                await self.client.workflow_service.set_worker_deployment_current_version(request)
            except RPCError:  # the server has not heard of the worker yet
                return False
            return True

        await eventually(is_current)

    def id(self, of: str) -> str:
        return f"{of}-{self.name}"

    async def begin(self) -> None:
        await self.engine.start(Execution("exec-1", self.id(RUN), ("run-1",), ("d",)))
        await self.engine.start_case("case-1", self.id(CASE), PURPOSE)

    async def settle(self) -> None:
        async with asyncio.timeout(30):
            handle = self.client.get_workflow_handle(self.id(CASE))
            assert await handle.execute_update(SETTLE) == {"seen": 1}

    async def serves(self, of: str) -> tuple[str, VersioningBehavior.ValueType]:
        """Build and behaviour of a workflow."""
        described = await self.client.get_workflow_handle(self.id(of)).describe()
        found = described.raw_description.workflow_execution_info.versioning_info
        return found.deployment_version.build_id, found.behavior


async def test_runs_stay_with_their_build_and_cases_move_to_the_next(client: Client) -> None:
    deployment = Deployment(client)
    async with deployment.worker("first"):
        await deployment.begin()
        handle = client.get_workflow_handle(deployment.id(RUN))
        assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
        assert await deployment.serves(RUN) == ("", BEHAVIOURS.VERSIONING_BEHAVIOR_UNSPECIFIED)
        await deployment.make_current("first")
        await deployment.settle()

        async def both_are_served() -> bool:
            return {(await deployment.serves(of))[0] for of in (RUN, CASE)} == {"first"}

        await eventually(both_are_served)
    async with deployment.worker("second"):
        await deployment.make_current("second")
        await deployment.settle()
        expected = "second", BEHAVIOURS.VERSIONING_BEHAVIOR_AUTO_UPGRADE
        assert await deployment.serves(CASE) == expected
        assert await deployment.serves(RUN) == ("first", BEHAVIOURS.VERSIONING_BEHAVIOR_PINNED)


async def test_workers_without_a_version_serve_cases(client: Client) -> None:
    deployment = Deployment(client)
    async with deployment.worker(""):
        await deployment.begin()
        await deployment.settle()
    assert await deployment.serves(CASE) == ("", BEHAVIOURS.VERSIONING_BEHAVIOR_UNSPECIFIED)
