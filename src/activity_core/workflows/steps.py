"""The Temporal activities behind `RunActivity` and `SlotTick`: each one call of a service.

In: the dataclasses of `messages`. Out: a `Progress` or nothing. Those of single tasks are
`task_steps`.
"""

from collections.abc import Callable, Sequence
from typing import Any

from temporalio import activity

from activity_core.core import ids
from activity_core.core.run.progress import Progress
from activity_core.core.run.run import RunFailure
from activity_core.services.runner import Runner
from activity_core.services.slot_settler import SlotSettler
from activity_core.workflows.codes import stable_codes
from activity_core.workflows.messages import (
    ADVANCE,
    CLOSE_RUN,
    FAIL_RUN,
    GATHER_SOURCE,
    NEXT_TASKS,
    SETTLE_SLOTS,
    CloseRun,
    FailRun,
    GatherSource,
    NextTasks,
    RunRequest,
)
from activity_core.workflows.task_steps import TaskSteps


class RunSteps:
    """The steps of runs, with those of their tasks, for the workers of one tenant."""

    def __init__(self, runner: Runner, settler: SlotSettler, tasks: TaskSteps) -> None:
        self._runner = runner
        self._settler = settler
        self._tasks = tasks

    @property
    def of_runs(self) -> Sequence[Callable[..., Any]]:
        """What a worker on the queue of the runs serves."""
        return (
            self.advance,
            self.gather_source,
            self.fail_run,
            self.next_tasks,
            self.close_run,
            self.settle_slots,
            *self._tasks.all,
        )

    @property
    def of_tasks(self) -> Sequence[Callable[..., Any]]:
        """What a worker on a queue that task templates name serves."""
        return (self._tasks.perform_task,)

    @activity.defn(name=ADVANCE)
    async def advance(self, request: RunRequest) -> Progress:
        """Claim, read local context, decide, record: everything that needs nothing long-lived."""
        with stable_codes():
            return await self._runner.advance(request.execution_id)

    @activity.defn(name=GATHER_SOURCE)
    async def gather_source(self, question: GatherSource) -> None:
        """Ask one remote source and keep its answer."""
        with stable_codes(outage_is_final=True):
            await self._runner.gather(question.execution_id, question.run_id, question.source)

    @activity.defn(name=FAIL_RUN)
    async def fail_run(self, verdict: FailRun) -> Progress:
        """Record that a run cannot go on."""
        with stable_codes():
            failure = RunFailure(verdict.code, verdict.message)
            return await self._runner.fail(verdict.execution_id, verdict.run_id, failure)

    @activity.defn(name=NEXT_TASKS)
    async def next_tasks(self, question: NextTasks) -> Progress:
        """The next window of the tasks of a run."""
        with stable_codes():
            return await self._runner.next_tasks(
                question.execution_id, question.run_id, question.after
            )

    @activity.defn(name=CLOSE_RUN)
    async def close_run(self, closing: CloseRun) -> Progress:
        """Close a run as its tasks say."""
        with stable_codes():
            return await self._runner.close(closing.execution_id, closing.run_id)

    @activity.defn(name=SETTLE_SLOTS)
    async def settle_slots(self, _: None) -> int:
        """Decide about all slots that are due; how many runs follow."""
        with stable_codes():
            nominal = ids.slot_of_tick(activity.info().workflow_id or "")
            return await self._settler.settle(nominal)
