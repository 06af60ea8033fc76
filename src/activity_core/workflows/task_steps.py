"""The Temporal activities behind the tasks of a run: each one call of a service.

In: the dataclasses of `messages`. Out: what a task came to, or what is next. A worker of a task
queue that templates name serves only the performing.
"""

from collections.abc import Callable, Sequence
from typing import Any

from temporalio import activity
from temporalio.common import RawValue

from activity_core.core.run.progress import Call, TaskEnd, TaskStates
from activity_core.services.compensator import Compensator
from activity_core.services.performer import Performer
from activity_core.services.run_closer import RunCloser
from activity_core.services.task_caller import TaskCaller
from activity_core.services.task_presenter import TaskPresenter
from activity_core.workflows.answers import check_arguments, outputs_of
from activity_core.workflows.attempt import ActivityAttempt
from activity_core.workflows.codes import stable_codes
from activity_core.workflows.messages import (
    BEGIN_COMPENSATION,
    CALL_TASK,
    COMPENSATION_FAILED,
    END_TASK,
    FAIL_TASK,
    MAKE_READY,
    PERFORM_TASK,
    SKIP_TASKS,
    TASK_STATES,
    BeginCompensation,
    CallTask,
    CompensationFailed,
    Compensations,
    EndTask,
    FailTask,
    MakeReady,
    PerformTask,
    SkipTasks,
    TaskAnswer,
    TaskQuestion,
)


class TaskSteps:
    """The steps of tasks, for the workers of one tenant."""

    def __init__(
        self,
        performer: Performer,
        presenter: TaskPresenter,
        caller: TaskCaller,
        compensator: Compensator,
        closer: RunCloser,
    ) -> None:
        self._performer = performer
        self._presenter = presenter
        self._caller = caller
        self._compensator = compensator
        self._closer = closer

    @property
    def all(self) -> Sequence[Callable[..., Any]]:
        """What a worker on the queue of the runs serves."""
        return (
            self.perform_task,
            self.call_task,
            self.end_task,
            self.fail_task,
            self.skip_tasks,
            self.make_ready,
            self.task_states,
            self.begin_compensation,
            self.compensation_failed,
        )

    @activity.defn(name=PERFORM_TASK)
    async def perform_task(self, task: PerformTask) -> TaskEnd:
        """One attempt of one automated task."""
        with stable_codes(outage_is_final=True):
            attempt = ActivityAttempt()
            return await self._performer.perform(
                task.task_id, attempt, run_attempt=task.run_attempt
            )

    @activity.defn(name=CALL_TASK)
    async def call_task(self, task: CallTask) -> Call:
        """Begin a task that is done by others; what the workflow is to call for it."""
        with stable_codes():
            call = await self._caller.call(task.task_id, task.run_attempt)
            check_arguments(call.args)
            return call

    @activity.defn(name=END_TASK)
    async def end_task(self, task: EndTask, answer: RawValue) -> TaskEnd:
        """Record what others answered, if it can be kept."""
        with stable_codes():
            outputs = outputs_of(answer)
            return await self._caller.end(task.task_id, task.run_attempt, outputs)

    @activity.defn(name=FAIL_TASK)
    async def fail_task(self, verdict: FailTask) -> TaskEnd:
        """Record that a task is not tried again, whatever its last attempt came to."""
        with stable_codes():
            return await self._performer.fail(
                verdict.task_id, verdict.run_attempt, verdict.message, verdict.error_type
            )

    @activity.defn(name=SKIP_TASKS)
    async def skip_tasks(self, order: SkipTasks) -> None:
        """Record that tasks can never start."""
        with stable_codes():
            await self._closer.skip(order.task_ids, order.run_attempt)

    @activity.defn(name=MAKE_READY)
    async def make_ready(self, order: MakeReady) -> TaskAnswer:
        """Show tasks to people; some may turn out not to be wanted."""
        with stable_codes():
            return _answer(await self._presenter.make_ready(order.task_ids, order.run_attempt))

    @activity.defn(name=TASK_STATES)
    async def task_states(self, question: TaskQuestion) -> TaskAnswer:
        """Which of the tasks are final, and whether the run is to stop."""
        with stable_codes():
            return _answer(await self._presenter.states(question.run_id, question.task_ids))

    @activity.defn(name=BEGIN_COMPENSATION)
    async def begin_compensation(self, order: BeginCompensation) -> Compensations:
        """The next compensations of a group, or of a whole run."""
        with stable_codes():
            steps = await self._compensator.begin(order.run_id, order.group, order.run_attempt)
            return Compensations(steps)

    @activity.defn(name=COMPENSATION_FAILED)
    async def compensation_failed(self, failure: CompensationFailed) -> None:
        """Have a person look after it."""
        with stable_codes():
            await self._compensator.failed(failure.task_id)


def _answer(states: TaskStates) -> TaskAnswer:
    return TaskAnswer(
        {task_id: end.status for task_id, end in states.final.items()},
        {task_id: end.outcome for task_id, end in states.final.items() if end.outcome},
        states.stop,
    )
