"""Why a Temporal activity or child workflow ended for good, as type and sentence.

The types are those that `retry.non_retryable` names and that are recorded with tasks and runs.
"""

import asyncio

from temporalio import exceptions, workflow
from temporalio.exceptions import TimeoutType

from activity_core.core.run.progress import Patience

Ended = (
    exceptions.ActivityError,
    exceptions.ChildWorkflowError,
    exceptions.WorkflowAlreadyStartedError,
    exceptions.ApplicationError,
)
"""What is raised when what was called ended for good; the last one by local activities."""

_TOO_LARGE = "PayloadsTooLarge"
"""What workers of Temporal's SDKs say instead of sending more than 2 MiB."""


def reason(error: Exception, patience: Patience, queue: str = "") -> tuple[str, str]:
    """Type and sentence of a failure.

    Raises:
        Exception: the error itself, when whoever asks is cancelled.
    """
    if exceptions.is_cancelled_exception(error):
        asking = asyncio.current_task()
        if asking is not None and asking.cancelling():
            raise error
        return "cancelled", "it was cancelled on Temporal"
    if isinstance(error, exceptions.WorkflowAlreadyStartedError):
        return "already_started", f"workflow {error.workflow_id} was started by somebody else"
    is_cause = isinstance(error, exceptions.ApplicationError)
    cause = error if is_cause else error.__cause__ or error
    if isinstance(error, exceptions.ChildWorkflowError) and isinstance(
        cause, exceptions.TimeoutError
    ):  # Temporal does not tell whether anybody ever took it
        return "timeout", f"not done in time, or task queue {queue} has no worker of its type"
    return _told(cause, patience, queue)


def _told(cause: BaseException, patience: Patience, queue: str) -> tuple[str, str]:
    match cause:
        case exceptions.ApplicationError() if cause.type == _TOO_LARGE:
            return "too_large", f"what it answers is too large for Temporal: {cause.message}"
        case exceptions.ApplicationError():
            return cause.type or "internal", cause.message
        case exceptions.TimeoutError():
            return _timeout(cause.type, patience, queue)
        case exceptions.TerminatedError():
            return "terminated", "it was terminated on Temporal"
        case exceptions.ServerError() if "limit" in cause.message.lower():  # older workers ask it
            return "too_large", f"what it answers is too large for Temporal: {cause.message}"
    return "internal", str(cause)


def _timeout(kind: TimeoutType | None, patience: Patience, queue: str) -> tuple[str, str]:
    match kind:
        case TimeoutType.SCHEDULE_TO_START:
            where, limit = queue or workflow.info().task_queue, patience.schedule_to_start
            return (
                "schedule_to_start",
                f"no worker took it from task queue {where} within {limit:g} s",
            )
        case TimeoutType.HEARTBEAT:
            limit = patience.heartbeat
            return "heartbeat", f"no sign of life for {limit:g} s: it hangs, or its worker died"
        case TimeoutType.SCHEDULE_TO_CLOSE:
            limit = patience.schedule_to_close
            return "timeout", f"not done within {limit:g} s, all attempts together"
    return "timeout", f"no answer within {patience.timeout:g} s, or its worker died"
