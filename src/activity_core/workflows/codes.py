"""What the failures of our steps are called on Temporal, and which of them are tried again.

Used by the Temporal activities of `steps` and `task_steps`. In: errors of services. Out: failures
of Temporal with our stable codes as types.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activity_core.core.errors import (
    ActivityCoreError,
    BadInputError,
    ConflictError,
    NotFoundError,
    RejectedError,
    UnavailableError,
)
from activity_core.core.run.errors import TaskFailedError

LONGEST_MESSAGE = 500
"""Characters of a failure's message that go into Temporal's history."""

_log = structlog.get_logger(__name__)


@contextmanager
def stable_codes(*, outage_is_final: bool = False) -> Iterator[None]:
    """Failures carry our codes; what can never succeed is not tried again.

    `outage_is_final`: in an ordinary Temporal activity an outage of ours must not use up the
    attempts of a team's policy; the workflow starts the activity again instead.
    """
    try:
        yield
    except TaskFailedError as error:
        final, pause = not error.retryable, error.retry_after
        raise _failure(error.type, str(error), final=final, pause=_bounded(pause)) from None
    except ActivityCoreError as error:
        raise _failure(error.code, str(error), final=_is_final(error, outage_is_final)) from None
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told by its code
        _log.exception("step_failed")
        raise _failure(ActivityCoreError.code, repr(error), final=False) from None


def _is_final(error: ActivityCoreError, outage_is_final: bool) -> bool:  # noqa: FBT001 - see above
    if isinstance(error, UnavailableError):
        return outage_is_final
    return isinstance(error, NotFoundError | BadInputError | ConflictError | RejectedError)


def _bounded(pause: timedelta | None) -> timedelta | None:
    """As long as the other side asks for, but no longer than the longest pause of the policy."""
    policy = activity.info().retry_policy if activity.in_activity() else None
    longest = policy.maximum_interval if policy else None
    return min(pause, longest) if pause and longest else pause


def _failure(
    code: str, message: str, *, final: bool, pause: timedelta | None = None
) -> ApplicationError:
    """Without the error it comes from: Temporal would keep that one's whole text as the cause."""
    return ApplicationError(
        message[:LONGEST_MESSAGE], type=code, non_retryable=final, next_retry_delay=pause
    )
