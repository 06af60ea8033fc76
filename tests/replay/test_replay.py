"""Workflows that were begun by earlier releases go on under this one: recorded histories replay."""

from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from activity_core.core.case.progress import CaseProgress
from activity_core.core.run.progress import TaskEnd, TaskStep
from activity_core.workflows.calls import local
from activity_core.workflows.case_messages import (
    ONGOING_CASE,
    TAKE_TURNS,
    CaseRequest,
    TakeTurns,
)
from activity_core.workflows.machine_tasks import by_machine
from activity_core.workflows.messages import (
    ADVANCE,
    CLOSE_RUN,
    FAIL_TASK,
    PERFORM_ALONE,
    RUN_ACTIVITY,
    SETTLE_SLOTS,
    SLOT_TICK,
    FailTask,
    RunRequest,
    RunResult,
)
from activity_core.workflows.ongoing_case import OngoingCase
from activity_core.workflows.perform_task import PerformTask
from activity_core.workflows.run_activity import RunActivity
from activity_core.workflows.slot_tick import SlotTick

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))


def history(file: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(file.stem, file.read_text())


def test_there_are_histories() -> None:
    assert len(HISTORIES) >= 22


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
async def test_it_replays(file: Path) -> None:
    served = Replayer(workflows=[RunActivity, SlotTick, PerformTask, OngoingCase])
    await served.replay_workflow(history(file))


@workflow.defn(name=RUN_ACTIVITY)
class OneStepMore:
    """A change that no history knows."""

    @workflow.run
    async def run(self, request: RunRequest) -> RunResult:
        await local(CLOSE_RUN, request, dict)
        await local(ADVANCE, request, dict)
        return RunResult({})


@workflow.defn(name=SLOT_TICK)
class OneMoreLook:
    """The same of a tick."""

    @workflow.run
    async def run(self) -> int:
        return await local(SETTLE_SLOTS, None, int) + await local(SETTLE_SLOTS, None, int)


@workflow.defn(name=PERFORM_ALONE)
class OneMoreTry:
    """The same of a task that no run carries out."""

    @workflow.run
    async def run(self, step: TaskStep) -> str:
        await local(FAIL_TASK, FailTask(step.task_id, 1, "no"), TaskEnd)
        return (await by_machine(step, 1)).status


@workflow.defn(name=ONGOING_CASE)
class NoSleep:
    """The same of a case."""

    @workflow.run
    async def run(self, request: CaseRequest) -> None:
        for _ in range(request.most_steps):
            await local(TAKE_TURNS, TakeTurns(request.case_id), CaseProgress)


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
async def test_a_changed_workflow_does_not(file: Path) -> None:
    changed = Replayer(workflows=[OneStepMore, OneMoreLook, OneMoreTry, NoSleep])
    with pytest.raises(workflow.NondeterminismError):
        await changed.replay_workflow(history(file))
