"""Errors of carrying out a run: its start, its context, its tasks.

Raised by services, adapters and the core; kept as text with runs, tasks and dead letters.
"""

from datetime import timedelta

from activity_core.core.errors import ActivityCoreError


class StartRefusedError(ActivityCoreError):
    """Temporal will never start this workflow as it is asked for; trying again cannot help."""

    code = "start_refused"
    status = 422


class LimitExceededError(ActivityCoreError):
    """A bound of this installation was hit while carrying out a run."""

    code = "limit_exceeded"
    status = 422


class ContextUnavailableError(ActivityCoreError):
    """A context source did not answer, or answered something unusable."""

    code = "context_unavailable"
    status = 502


class TaskFailedError(ActivityCoreError):
    """An automated task did not succeed.

    Attributes:
        retryable: whether trying again may help.
        type: of the failure, as `retry.non_retryable` names it: an exception's name, `http_404`,
            `timeout`, `invalid_input`, …
        retry_after: how long the other side asks to be left alone; None: it says nothing.
    """

    code = "task_failed"
    status = 502

    def __init__(
        self,
        message: str,
        *,
        subject: str = "",
        hint: str = "",
        retryable: bool = True,
        type: str = code,  # noqa: A002 - it is its name everywhere
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message, subject=subject, hint=hint)
        self.retryable = retryable
        self.type = type
        self.retry_after = retry_after
