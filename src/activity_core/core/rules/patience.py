"""How patiently a piece of work is tried: what its definition says, as numbers for the workflow."""

from datetime import timedelta

from activity_core.core.definition.timeouts import QUEUE_PATIENCE
from activity_core.core.definition.work import Work
from activity_core.core.run.progress import Patience


def patience_of(work: Work) -> Patience:
    """The policies of a task, a compensation or a notification."""
    retry, timeout = work.retry, work.timeout
    waits = timeout.schedule_to_start or (QUEUE_PATIENCE if work.queue else None)
    return Patience(
        attempts=retry.max_attempts,
        first_backoff=retry.backoff.first.total_seconds(),
        longest_backoff=retry.backoff.longest.total_seconds(),
        timeout=timeout.start_to_close.total_seconds(),
        coefficient=retry.coefficient,
        schedule_to_start=_seconds(waits),
        schedule_to_close=_seconds(timeout.schedule_to_close),
        heartbeat=_seconds(timeout.heartbeat),
        non_retryable=list(retry.non_retryable),
        priority=work.priority or 0,
    )


def _seconds(limit: timedelta | None) -> float:
    return limit.total_seconds() if limit else 0.0
