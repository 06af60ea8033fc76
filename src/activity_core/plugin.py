"""What plug-ins of a team may import; it stays as it is when the rest changes.

In: `adapters.plugins` hands a `TaskContext` to each call. Out: heartbeats, and `DoNotRetryError`.
"""

from activity_core.core.jsontext import JsonValue, canonical_json
from activity_core.core.run.task import TaskInstance
from activity_core.ports.task_performer import Attempt

__all__ = ["DoNotRetryError", "JsonValue", "TaskContext"]


class DoNotRetryError(Exception):
    """Raise it, or a subclass, when another attempt cannot help."""


class TaskContext:
    """One attempt of one task, as its plug-in sees it. Safe to use from any thread.

    Attributes:
        task_id: the same for every attempt: the idempotency key for whatever it does.
        run_id, definition_id, version, rule, item: where the task comes from.
        template: id of the task's template.
        attempt: which try it is, from 1.
        traceparent: the trace that it belongs to, if there is one.
    """

    def __init__(self, task: TaskInstance, attempt: Attempt) -> None:
        self.task_id = task.task_id
        self.run_id = task.run_id
        self.definition_id = task.definition_id
        self.version = task.version
        self.rule = task.rule
        self.item = task.item
        self.template = task.spec_id
        self.attempt = attempt.number
        self.traceparent = task.traceparent
        self._attempt = attempt
        self._left = False

    def heartbeat(self, detail: JsonValue = None) -> None:
        """Say that it is alive, and how far it is; cheap, it may be called often.

        Raises:
            TypeError: the detail is no JSON.
        """
        canonical_json(detail)
        if not self._left:
            self._attempt.heartbeat(detail)

    @property
    def last_heartbeat(self) -> JsonValue:
        """What the attempt before said last; null if it said nothing, or there was none."""
        return self._attempt.last_heartbeat

    @property
    def cancelled(self) -> bool:
        """Whether nobody wants the result any more: sync functions ask, and return."""
        return self._left or self._attempt.cancelled

    def leave(self) -> None:
        """Nobody waits for the result any more; said by whoever called the plug-in."""
        self._left = True
