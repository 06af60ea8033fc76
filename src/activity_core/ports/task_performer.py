"""Performing automated tasks (http, python): one attempt of one task.

Called by a Temporal activity; retries and time limits are the workflow's.
"""

from typing import Protocol

from activity_core.core.jsontext import JsonValue
from activity_core.core.run.task import TaskInstance


class TaskPerformer(Protocol):
    """Performs tasks of one kind. The task id is the idempotency key of every attempt."""

    async def perform(self, task: TaskInstance) -> JsonValue:
        """The outputs as JSON, bounded in size.

        Raises:
            TaskFailedError: with `retryable` saying whether another attempt may help.
        """
        ...
