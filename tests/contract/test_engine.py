"""What every engine keeps.

Another adapter joins by a fixture of its own that overrides `end`: a way to end a workflow, which
the port does not offer.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from activity_core.adapters.memory.engine import MemoryEngine
from activity_core.core.errors import UnavailableError
from activity_core.core.run.progress import Patience, TaskStep
from activity_core.core.run.run import Execution
from activity_core.ports.engine import Engine, Purpose, WorkflowState

EXECUTION = Execution("a" * 32, "activity-triage-e.1", ("run-1",))
TASK = TaskStep("task-" + "b" * 32, [], Patience(1, 1.0, 1.0, 30.0))
PURPOSE = Purpose("follow", 1, "case-1", "billing")
CASE_WORKFLOW = "activity-case-follow-0123456789abcdef-1"
TASK_WORKFLOW = f"activity-task-{TASK.task_id}"
CLOSED = tuple(set(WorkflowState) - {WorkflowState.RUNNING, WorkflowState.ABSENT})


@dataclass(frozen=True)
class Bench:
    """An engine, and the hand of fate: `end` closes a running workflow in some way."""

    engine: Engine
    end: Callable[[str, WorkflowState], Awaitable[None]]


@pytest.fixture(params=["memory"])
def bench(request: pytest.FixtureRequest) -> Bench:
    engine = MemoryEngine()

    async def end(workflow_id: str, state: WorkflowState) -> None:
        engine.states[workflow_id] = state

    return Bench(engine, end)


async def test_what_was_started_is_running(bench: Bench):
    assert await bench.engine.state(EXECUTION.workflow_id) is WorkflowState.ABSENT
    await bench.engine.start(EXECUTION)
    assert await bench.engine.state(EXECUTION.workflow_id) is WorkflowState.RUNNING


async def test_starting_twice_is_starting_once(bench: Bench):
    for _ in range(2):
        await bench.engine.start(EXECUTION)
    assert await bench.engine.state(EXECUTION.workflow_id) is WorkflowState.RUNNING


@pytest.mark.parametrize("state", sorted(CLOSED))
async def test_a_closed_workflow_is_not_started_again(bench: Bench, state: WorkflowState):
    await bench.engine.start(EXECUTION)
    await bench.end(EXECUTION.workflow_id, state)
    await bench.engine.start(EXECUTION)
    assert await bench.engine.state(EXECUTION.workflow_id) is state


async def test_a_task_is_started_once(bench: Bench):
    for _ in range(2):
        await bench.engine.start_task(TASK, PURPOSE)
    assert await bench.engine.state(TASK_WORKFLOW) is WorkflowState.RUNNING
    await bench.end(TASK_WORKFLOW, WorkflowState.TERMINATED)
    await bench.engine.start_task(TASK, PURPOSE)
    assert await bench.engine.state(TASK_WORKFLOW) is WorkflowState.TERMINATED


async def test_only_running_workflows_are_signalled(bench: Bench):
    assert not await bench.engine.signal(EXECUTION.workflow_id)
    await bench.engine.start(EXECUTION)
    assert await bench.engine.signal(EXECUTION.workflow_id)
    await bench.end(EXECUTION.workflow_id, WorkflowState.TERMINATED)
    assert not await bench.engine.signal(EXECUTION.workflow_id)


async def test_only_running_workflows_are_terminated(bench: Bench):
    assert not await bench.engine.terminate(EXECUTION.workflow_id)
    await bench.engine.start(EXECUTION)
    assert await bench.engine.terminate(EXECUTION.workflow_id)
    assert await bench.engine.state(EXECUTION.workflow_id) is WorkflowState.TERMINATED
    assert not await bench.engine.terminate(EXECUTION.workflow_id)


async def test_only_running_workflows_are_cancelled(bench: Bench):
    assert not await bench.engine.cancel(EXECUTION.workflow_id)
    await bench.engine.start(EXECUTION)
    assert await bench.engine.cancel(EXECUTION.workflow_id)
    await bench.end(EXECUTION.workflow_id, WorkflowState.CANCELLED)
    assert not await bench.engine.cancel(EXECUTION.workflow_id)


async def test_a_tick_may_be_asked_for_again_and_again(bench: Bench):
    for _ in range(2):
        await bench.engine.tick()


async def test_the_twin_fails_on_demand():
    engine = MemoryEngine()
    engine.failures.before(UnavailableError("away"))
    with pytest.raises(UnavailableError):
        await engine.start(EXECUTION)
    assert engine.started == {}
    engine.failures.after(UnavailableError("answer lost"))
    with pytest.raises(UnavailableError):
        await engine.start(EXECUTION)
    await engine.start(EXECUTION)
    await engine.signal(EXECUTION.workflow_id)
    assert engine.started == {EXECUTION.workflow_id: EXECUTION}
    assert engine.signals == [EXECUTION.workflow_id]


async def test_a_case_is_started_or_rung_and_started_again(bench: Bench):
    for _ in range(2):
        await bench.engine.start_case("case-1", CASE_WORKFLOW, PURPOSE)
        assert await bench.engine.state(CASE_WORKFLOW) is WorkflowState.RUNNING
    await bench.end(CASE_WORKFLOW, WorkflowState.TERMINATED)
    await bench.engine.start_case("case-1", CASE_WORKFLOW, PURPOSE)
    assert await bench.engine.state(CASE_WORKFLOW) is WorkflowState.RUNNING
