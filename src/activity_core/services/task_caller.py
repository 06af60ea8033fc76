"""The caller: tasks that the workflow itself calls, of the team's own workers in any language.

In: the steps before and after the call. Out: what is to be called, and the task's end with what it
answered. Every write is idempotent: a task that is final stays as it is, and nothing is called.
"""

from typing import Any

from activity_core.core.run.errors import TaskFailedError
from activity_core.core.run.progress import Call, TaskEnd
from activity_core.core.run.task import FINAL, TaskResult, TaskStatus
from activity_core.core.run.task_outputs import storable
from activity_core.ports.task_ledger import TaskLedger
from activity_core.services.performer import DONE, Performer


class TaskCaller:
    """Tasks of kinds `activity` and `workflow`, of one tenant."""

    def __init__(self, tasks: TaskLedger, performer: Performer) -> None:
        self._tasks = tasks
        self._performer = performer

    async def call(self, task_id: str, run_attempt: int) -> Call:
        """Begin a task: what to call, or its end if it is over or its words cannot be told."""
        task = await self._performer.begin(task_id, 1, run_attempt)
        if task.status in FINAL:
            return Call(end=TaskEnd(task.status, task.result.outcome if task.result else ""))
        inputs: dict[str, Any] = task.inputs
        call = Call(str(inputs["type"]), list(inputs["args"]))
        parent_close = inputs.get("parent_close")
        return Call(call.type, call.args, str(parent_close)) if parent_close else call

    async def end(self, task_id: str, run_attempt: int, answer: object) -> TaskEnd:
        """What was called has answered; an answer that cannot be kept is a failure."""
        task = await self._tasks.get(task_id)
        try:
            outputs = storable(answer, f"task {task_id}")
        except TaskFailedError as error:
            return await self._performer.fail(task_id, run_attempt, str(error), error.type)
        result = TaskResult(TaskStatus.COMPLETED, DONE, outputs)
        return await self._performer.finish(task, result, run_attempt)
