"""The Temporal activities behind `RunActivity`: each one call of a service.

In: the dataclasses of `messages`. Out: a `Progress` or nothing. Errors get their stable code as
failure type here, which is where it is decided whether Temporal tries again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activity_core.core import ids
from activity_core.core.errors import (
    ActivityCoreError,
    BadInputError,
    ConflictError,
    NotFoundError,
    RejectedError,
    UnavailableError,
)
from activity_core.core.run.errors import TaskFailedError
from activity_core.core.run.progress import Progress
from activity_core.core.run.run import RunFailure
from activity_core.services.performer import Performer
from activity_core.services.runner import Runner
from activity_core.services.slot_settler import SlotSettler
from activity_core.workflows.messages import (
    ADVANCE,
    CLOSE_RUN,
    FAIL_RUN,
    FAIL_TASK,
    GATHER_SOURCE,
    MAKE_READY,
    PERFORM_TASK,
    SETTLE_SLOTS,
    TASK_STATES,
    CloseRun,
    FailRun,
    FailTask,
    GatherSource,
    MakeReady,
    PerformTask,
    RunRequest,
    TaskAnswer,
    TaskQuestion,
)

LONGEST_MESSAGE = 500
"""Characters of a failure's message that go into Temporal's history."""

_log = structlog.get_logger(__name__)


class RunSteps:
    """The steps of runs and tasks, for the workers of one tenant."""

    def __init__(self, runner: Runner, performer: Performer, settler: SlotSettler) -> None:
        self._runner = runner
        self._performer = performer
        self._settler = settler

    @property
    def of_runs(self) -> Sequence[Callable[..., Any]]:
        """What a worker on the queue of the runs serves."""
        return (
            self.advance,
            self.gather_source,
            self.fail_run,
            self.fail_task,
            self.make_ready,
            self.task_states,
            self.close_run,
            self.perform_task,
            self.settle_slots,
        )

    @property
    def of_tasks(self) -> Sequence[Callable[..., Any]]:
        """What a worker on a queue that task templates name serves."""
        return (self.perform_task,)

    @activity.defn(name=ADVANCE)
    async def advance(self, request: RunRequest) -> Progress:
        """Claim, read local context, decide, record: everything that needs nothing long-lived."""
        with _stable_codes():
            return await self._runner.advance(request.execution_id)

    @activity.defn(name=GATHER_SOURCE)
    async def gather_source(self, question: GatherSource) -> None:
        """Ask one remote source and keep its answer."""
        with _stable_codes(outage_is_final=True):
            await self._runner.gather(question.execution_id, question.run_id, question.source)

    @activity.defn(name=FAIL_RUN)
    async def fail_run(self, verdict: FailRun) -> Progress:
        """Record that a run cannot go on."""
        with _stable_codes():
            failure = RunFailure(verdict.code, verdict.message)
            return await self._runner.fail(verdict.execution_id, verdict.run_id, failure)

    @activity.defn(name=PERFORM_TASK)
    async def perform_task(self, task: PerformTask) -> None:
        """One attempt of one automated task."""
        with _stable_codes(outage_is_final=True):
            attempt = activity.info().attempt
            await self._performer.perform(task.task_id, attempt, run_attempt=task.run_attempt)

    @activity.defn(name=FAIL_TASK)
    async def fail_task(self, verdict: FailTask) -> None:
        """Record that a task is not tried again, whatever its last attempt came to."""
        with _stable_codes():
            await self._performer.fail(verdict.task_id, verdict.run_attempt, verdict.message)

    @activity.defn(name=MAKE_READY)
    async def make_ready(self, order: MakeReady) -> None:
        """Show tasks to people."""
        with _stable_codes():
            await self._performer.make_ready(order.task_ids)

    @activity.defn(name=TASK_STATES)
    async def task_states(self, question: TaskQuestion) -> TaskAnswer:
        """Which of the tasks are final."""
        with _stable_codes():
            final = await self._performer.final(question.run_id)
            return TaskAnswer({id_: final[id_] for id_ in question.task_ids if id_ in final})

    @activity.defn(name=CLOSE_RUN)
    async def close_run(self, closing: CloseRun) -> Progress:
        """Close a run as its tasks say."""
        with _stable_codes():
            return await self._runner.close(closing.execution_id, closing.run_id)

    @activity.defn(name=SETTLE_SLOTS)
    async def settle_slots(self, _: None) -> int:
        """Decide about all slots that are due; how many runs follow."""
        with _stable_codes():
            nominal = ids.slot_of_tick(activity.info().workflow_id or "")
            return await self._settler.settle(nominal)


@contextmanager
def _stable_codes(*, outage_is_final: bool = False) -> Iterator[None]:
    """Failures carry our codes; what can never succeed is not tried again.

    `outage_is_final`: in an ordinary Temporal activity an outage of ours must not use up the
    attempts of a team's policy; the workflow starts the activity again instead.
    """
    try:
        yield
    except ActivityCoreError as error:
        raise _failure(error.code, str(error), final=_is_final(error, outage_is_final)) from None
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told by its code
        _log.exception("step_failed")
        raise _failure(ActivityCoreError.code, repr(error), final=False) from None


def _is_final(error: ActivityCoreError, outage_is_final: bool) -> bool:  # noqa: FBT001 - see above
    match error:
        case UnavailableError():
            return outage_is_final
        case TaskFailedError():
            return not error.retryable
        case _:
            return isinstance(error, NotFoundError | BadInputError | ConflictError | RejectedError)


def _failure(code: str, message: str, *, final: bool) -> ApplicationError:
    """Without the error it comes from: Temporal would keep that one's whole text as the cause."""
    return ApplicationError(message[:LONGEST_MESSAGE], type=code, non_retryable=final)
