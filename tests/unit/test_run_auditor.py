"""The run auditor: closes what nobody else will, restarts what never began, leaves the rest."""

from datetime import timedelta

import pytest
from tests.core_stage import CoreStage

from activity_core.adapters.memory.engine import MemoryEngine
from activity_core.core.run.run import Execution, RunStatus
from activity_core.ports.engine import WorkflowState
from activity_core.services.run_auditor import UNTOUCHED, RunAuditor

WAITING = """
id: wait
trigger: {manual: }
rules: [{id: r, tasks: [{id: t, human: {title: T, wait: true}}]}]
"""


class Scene:
    """One run that waits for a person, on an engine that a test says the truth about."""

    def __init__(self) -> None:
        self.stage = CoreStage()
        self.engine = MemoryEngine()
        self.auditor = RunAuditor(
            self.stage.queue,
            self.stage.ledger,
            self.engine,
            self.stage.clock,
            self.stage.doorbell,
            deployment="test",
        )

    async def start(self) -> tuple[str, Execution]:
        """A started execution whose workflow has not begun yet."""
        await self.stage.apply(WAITING)
        (run_id,) = await self.stage.submit("wait", "one")
        (execution,) = await self.stage.compose()
        await self.engine.start(execution)
        await self.stage.queue.mark_started([execution.execution_id])
        return run_id, execution

    async def audit(self) -> None:
        self.stage.clock.advance(UNTOUCHED + timedelta(seconds=1))
        assert not await self.auditor.step()


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (WorkflowState.TERMINATED, "workflow_terminated"),
        (WorkflowState.TIMED_OUT, "workflow_timed_out"),
        (WorkflowState.FAILED, "workflow_failed"),
        (WorkflowState.COMPLETED, "workflow_lost"),
        (WorkflowState.ABSENT, "workflow_lost"),
    ],
)
async def test_a_run_whose_workflow_is_over_is_closed(state: WorkflowState, code: str) -> None:
    scene = Scene()
    run_id, execution = await scene.start()
    await scene.stage.runner.advance(execution.execution_id)
    scene.engine.states[execution.workflow_id] = state
    await scene.audit()
    await scene.audit()
    run = scene.stage.run(run_id)
    assert run.status is RunStatus.FAILED
    assert run.failure is not None
    assert run.failure.code == code
    assert scene.stage.said(run_id) == ["run.started", "task.created", "run.failed"]


async def test_a_cancelled_workflow_is_a_cancelled_run() -> None:
    scene = Scene()
    run_id, execution = await scene.start()
    scene.engine.states[execution.workflow_id] = WorkflowState.CANCELLED
    await scene.audit()
    assert scene.stage.run(run_id).status is RunStatus.CANCELLED
    assert scene.stage.run(run_id).failure is None


async def test_a_retry_that_is_lost_too_says_so_again() -> None:
    scene = Scene()
    run_id, execution = await scene.start()
    await scene.stage.runner.advance(execution.execution_id)
    scene.engine.states[execution.workflow_id] = WorkflowState.TERMINATED
    await scene.audit()
    await scene.stage.retry(run_id)
    (second,) = await scene.stage.compose()
    await scene.stage.queue.mark_started([second.execution_id])
    await scene.stage.runner.advance(second.execution_id)
    scene.engine.states[second.workflow_id] = WorkflowState.TERMINATED
    await scene.audit()
    assert scene.stage.said(run_id).count("run.failed") == 2


async def test_a_workflow_that_never_got_there_is_started_again() -> None:
    scene = Scene()
    run_id, execution = await scene.start()
    del scene.engine.states[execution.workflow_id]
    await scene.audit()
    now = scene.stage.clock.now()
    overdue = await scene.stage.queue.overdue(10, at=now, lease=timedelta(seconds=30))
    assert overdue == [execution]
    assert scene.stage.run(run_id).status is RunStatus.PENDING


async def test_healthy_runs_are_not_asked_about_again_at_once() -> None:
    scene = Scene()
    run_id, _ = await scene.start()
    await scene.audit()
    assert scene.stage.run(run_id).touched_at == scene.stage.clock.now()
    await scene.auditor.step()
    assert scene.stage.run(run_id).status is RunStatus.PENDING
