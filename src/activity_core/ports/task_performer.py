"""Performing automated tasks: one attempt of one task, by the performer of its kind.

Called by `services.performer` in a Temporal activity; retries and time limits are the workflow's.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from activity_core.core.jsontext import JsonValue
from activity_core.core.run.task import TaskInstance


class Attempt(Protocol):
    """What a performer is told of the attempt it is, and how it tells that it still works.

    All of it may be asked and called from any thread.
    """

    @property
    def number(self) -> int:
        """Which try of the task it is, from 1."""
        ...

    @property
    def last_heartbeat(self) -> JsonValue:
        """What the attempt before told last; null if it told nothing or there was none."""
        ...

    @property
    def cancelled(self) -> bool:
        """Whether nobody wants the result any more. Async performers are cancelled besides."""
        ...

    def heartbeat(self, detail: JsonValue = None) -> None:
        """Tell that it still works, and how far it is; cheap, it may be called often."""
        ...


@dataclass(frozen=True, slots=True)
class Performed:
    """What an attempt came to.

    Attributes:
        outputs: JSON, bounded in size; null while it waits.
        waits: the other side answers later, at most so long; None: it is done.
    """

    outputs: JsonValue = None
    waits: timedelta | None = None


class TaskPerformer(Protocol):
    """Performs tasks of one kind. The task id is the idempotency key of every attempt."""

    async def perform(self, task: TaskInstance, attempt: Attempt) -> Performed:
        """Do it once.

        Raises:
            TaskFailedError: with `retryable` saying whether another attempt may help, and `type`.
        """
        ...
