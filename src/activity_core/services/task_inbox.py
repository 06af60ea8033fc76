"""The inbox of human tasks: what people do with them.

In: completions from the API. Out: the task's end, its TaskCompleted in the outbox and, if its run
waits for it, a doorbell for the workflow; one transaction.
"""

from dataclasses import dataclass

from activity_core.core.definition.json_schema import mismatches
from activity_core.core.errors import BadInputError, ConflictError
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.announcing import task_ended
from activity_core.core.run.task import FINAL, TaskInstance, TaskResult, TaskStatus
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.task_ledger import TaskLedger


@dataclass(frozen=True, slots=True)
class Completion:
    """What somebody says about a task they did."""

    outcome: str
    data: JsonValue
    comment: str
    by: str


class TaskInbox:
    """Human tasks of one tenant."""

    def __init__(
        self, tasks: TaskLedger, doorbell: Doorbell, clock: Clock, *, deployment: str
    ) -> None:
        self._tasks = tasks
        self._doorbell = doorbell
        self._clock = clock
        self._deployment = deployment

    async def complete(self, task_id: str, completion: Completion) -> TaskInstance:
        """Complete a task once; the same completion again answers the stored one.

        Raises:
            NotFoundError: no such task.
            ConflictError: it is not a person's, not ready, or ended otherwise.
            BadInputError: the data does not fit the task's form.
        """
        task = await self._tasks.get(task_id)
        subject = f"task {task_id}"
        if task.kind is not TaskKind.HUMAN:
            raise ConflictError(f"it is an automated task ({task.kind})", subject=subject)
        if task.status is TaskStatus.PENDING:
            raise ConflictError(
                "it still waits for other tasks", subject=subject, hint="see its `needs`"
            )
        result = TaskResult(
            TaskStatus.COMPLETED,
            outcome=completion.outcome,
            outputs=completion.data,
            comment=completion.comment,
            by=completion.by,
        )
        if task.status not in FINAL:
            _check_form(task, completion.data)
            task = await self._finish(task, result)
        _refuse_if_other(task, result)
        return task

    async def _finish(self, task: TaskInstance, result: TaskResult) -> TaskInstance:
        now = self._clock.now()
        announcement = task_ended(task, result, deployment=self._deployment, at=now)
        stored = await self._tasks.finish(task.task_id, result, now, [announcement])
        self._doorbell.ring(Topic.RELAY)
        self._doorbell.ring(Topic.STARTER)
        return stored


def _check_form(task: TaskInstance, data: JsonValue) -> None:
    form = task.inputs.get("form")
    problems = mismatches(form, data, "data") if isinstance(form, dict) else []
    if problems:
        raise BadInputError(
            "the data does not fit the task's form: " + "; ".join(problems),
            subject=f"task {task.task_id}",
            hint="see `form` in the task",
        )


def _refuse_if_other(task: TaskInstance, result: TaskResult) -> None:
    stored = task.result
    if stored is None or (stored.outcome, stored.outputs) != (result.outcome, result.outputs):
        raise ConflictError(
            f"it ended before: {task.status}"
            + (f" with outcome {stored.outcome!r}" if stored else ""),
            subject=f"task {task.task_id}",
        )
