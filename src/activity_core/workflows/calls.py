"""Calls of Temporal activities from workflow code, with what an outage of ours means.

While PostgreSQL is away nothing is given up and no attempt of a team's task is used: local
activities are repeated until they succeed, the others are started again. Beyond a short while
the pauses are Temporal timers, so that no workflow task is kept open and history grows slowly.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import exceptions, workflow
from temporalio.common import Priority, RawValue, RetryPolicy

from activity_core.core.run.progress import Call, Patience
from activity_core.workflows.failures import reason
from activity_core.workflows.messages import UNAVAILABLE

T = TypeVar("T")

LOCAL_TIMEOUT = timedelta(seconds=60)
LOCAL_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=20),
)
TIMER_BEYOND = timedelta(seconds=2)
"""Pauses between local attempts that are longer than this are Temporal timers."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=2), timedelta(seconds=60)
"""Between starting an ordinary Temporal activity again because our own store was away."""


async def local(name: str, argument: object, result: type[T], *more: object) -> T:
    """One step in this very process, repeated until it succeeds or can never succeed."""
    answer: T = await workflow.execute_local_activity(
        name,
        args=[argument, *more],
        result_type=result,
        start_to_close_timeout=LOCAL_TIMEOUT,
        retry_policy=LOCAL_RETRY,
        local_retry_threshold=TIMER_BEYOND,
    )
    return answer


async def local_if_any(name: str, argument: object, result: type[T]) -> T | None:
    """A local step that answered nothing in earlier releases, whose histories say null."""
    return await local(name, argument, result)


async def remote(
    name: str, argument: object, patience: Patience, result: type[T], queue: str = ""
) -> T | None:
    """One step on a task queue (default: the workflow's own), tried as often as `patience` says.

    Histories of earlier releases say null.

    Raises:
        ActivityError: no attempt is left, or trying again cannot help.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            answer: T | None = await workflow.execute_activity(
                name, argument, result_type=result, **_config(patience, queue)
            )
        except exceptions.ActivityError as error:
            if reason(error, patience, queue)[0] != UNAVAILABLE:
                raise
        else:
            return answer
        await workflow.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


async def call_activity(call: Call, patience: Patience, queue: str) -> RawValue:
    """A Temporal activity of others; its answer as it came, whatever it is.

    Raises:
        ActivityError: no attempt is left, or trying again cannot help.
    """
    answer: RawValue = await workflow.execute_activity(
        call.type, args=call.args, result_type=RawValue, **_config(patience, queue)
    )
    return answer


async def call_workflow(call: Call, patience: Patience, queue: str, child_id: str) -> RawValue:
    """A child workflow of others, `timeout` being that of one of its attempts.

    Raises:
        ChildWorkflowError: no attempt is left, or trying again cannot help.
        WorkflowAlreadyStartedError: somebody else started that id.
    """
    answer: RawValue = await workflow.execute_child_workflow(
        call.type,
        args=call.args,
        id=child_id,
        task_queue=queue or None,
        result_type=RawValue,
        parent_close_policy=_PARENT_CLOSE[call.parent_close],
        run_timeout=_span(patience.timeout),
        execution_timeout=_span(patience.schedule_to_close),
        retry_policy=_retry(patience),
        priority=_priority(patience),
    )
    return answer


_PARENT_CLOSE = {
    "terminate": workflow.ParentClosePolicy.TERMINATE,
    "abandon": workflow.ParentClosePolicy.ABANDON,
    "request_cancel": workflow.ParentClosePolicy.REQUEST_CANCEL,
}


def _config(patience: Patience, queue: str) -> workflow.ActivityConfig:
    """Whoever cancels it waits for its end: what it came to is known before others go on."""
    return workflow.ActivityConfig(
        task_queue=queue or None,
        start_to_close_timeout=_span(patience.timeout),
        schedule_to_start_timeout=_span(patience.schedule_to_start),
        schedule_to_close_timeout=_span(patience.schedule_to_close),
        heartbeat_timeout=_span(patience.heartbeat),
        retry_policy=_retry(patience),
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        priority=_priority(patience),
    )


def _retry(patience: Patience) -> RetryPolicy:
    final: Sequence[Any] = patience.non_retryable
    return RetryPolicy(
        initial_interval=timedelta(seconds=patience.first_backoff),
        backoff_coefficient=patience.coefficient,
        maximum_interval=timedelta(seconds=patience.longest_backoff),
        maximum_attempts=patience.attempts,
        non_retryable_error_types=final or None,
    )


def _priority(patience: Patience) -> Priority:
    return Priority(priority_key=patience.priority) if patience.priority else Priority.default


def _span(seconds: float) -> timedelta | None:
    return timedelta(seconds=seconds) if seconds else None
