"""Automated tasks that succeed at once, with outputs that were laid out beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from activity_core.adapters.memory.failures import Failures
from activity_core.core.jsontext import JsonValue
from activity_core.core.run.task import TaskInstance
from activity_core.ports.task_performer import Attempt, Performed


@dataclass
class MemoryAttempt:
    """`ports.task_performer.Attempt`: `beats` is what was told by heartbeats."""

    number: int = 1
    last_heartbeat: JsonValue = None
    cancelled: bool = False
    beats: list[JsonValue] = field(default_factory=list)

    def heartbeat(self, detail: JsonValue = None) -> None:
        """Keep what was told."""
        self.beats.append(detail)


class MemoryTaskPerformer:
    """`ports.task_performer`: outputs by spec id, else null; `performed` are all attempts.

    `waits`: spec ids whose other side answers later, and how long it may take.
    """

    def __init__(self, outputs: Mapping[str, JsonValue] | None = None) -> None:
        self.failures = Failures()
        self.outputs = dict(outputs or {})
        self.waits: dict[str, timedelta] = {}
        self.performed: list[TaskInstance] = []

    async def perform(self, task: TaskInstance, attempt: Attempt) -> Performed:
        """The outputs laid out for the task's spec id."""
        self.performed.append(task)
        self.failures.raise_before()
        attempt.heartbeat()
        waits = self.waits.get(task.spec_id)
        return Performed(None if waits else self.outputs.get(task.spec_id), waits)
