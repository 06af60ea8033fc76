"""Automated tasks that succeed at once, with outputs that were laid out beforehand."""

from collections.abc import Mapping

from activity_core.adapters.memory.failures import Failures
from activity_core.core.jsontext import JsonValue
from activity_core.core.run.task import TaskInstance


class MemoryTaskPerformer:
    """`ports.task_performer`: outputs by spec id, else null; `performed` are all attempts."""

    def __init__(self, outputs: Mapping[str, JsonValue] | None = None) -> None:
        self.failures = Failures()
        self.outputs = dict(outputs or {})
        self.performed: list[TaskInstance] = []

    async def perform(self, task: TaskInstance) -> JsonValue:
        """The outputs laid out for the task's spec id."""
        self.performed.append(task)
        self.failures.raise_before()
        return self.outputs.get(task.spec_id)
