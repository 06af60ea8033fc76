"""Calls of Temporal activities from workflow code, with what an outage of ours means.

While PostgreSQL is away nothing is given up and no attempt of a team's task is used: local
activities are repeated until they succeed, the others are started again. Beyond a short while
the pauses are Temporal timers, so that no workflow task is kept open and history grows slowly.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import exceptions, workflow
from temporalio.common import RetryPolicy

from activity_core.core.run.progress import Patience
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


async def local(name: str, argument: object, result: type[T]) -> T:
    """One step in this very process, repeated until it succeeds or can never succeed."""
    answer: T = await workflow.execute_local_activity(
        name,
        argument,
        result_type=result,
        start_to_close_timeout=LOCAL_TIMEOUT,
        retry_policy=LOCAL_RETRY,
        local_retry_threshold=TIMER_BEYOND,
    )
    return answer


async def remote(name: str, argument: object, patience: Patience, queue: str = "") -> None:
    """One step on a task queue (default: the workflow's own), tried as often as `patience` says.

    Raises:
        ActivityError: no attempt is left, or trying again cannot help.
    """

    async def once() -> None:
        await workflow.execute_activity(
            name,
            argument,
            task_queue=queue or None,
            start_to_close_timeout=timedelta(seconds=patience.timeout),
            retry_policy=RetryPolicy(
                initial_interval=timedelta(seconds=patience.first_backoff),
                maximum_interval=timedelta(seconds=patience.longest_backoff),
                maximum_attempts=patience.attempts,
            ),
        )

    await _outlast(once)


async def _outlast(call: Callable[[], Awaitable[None]]) -> None:
    pause = FIRST_PAUSE
    while True:
        try:
            return await call()
        except exceptions.ActivityError as error:
            if reason(error)[0] != UNAVAILABLE:
                raise
        await workflow.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def reason(error: exceptions.ActivityError) -> tuple[str, str]:
    """Stable code and sentence of a failure that ended an activity for good.

    Raises:
        BaseException: the error itself, when it is the cancellation of the workflow.
    """
    if exceptions.is_cancelled_exception(error):
        raise error
    cause: Any = error.cause
    if isinstance(cause, exceptions.ApplicationError):
        return cause.type or "internal", cause.message
    if isinstance(cause, exceptions.TimeoutError):
        return "timeout", "no answer within the time limit, or its worker died"
    return "internal", str(cause or error)
