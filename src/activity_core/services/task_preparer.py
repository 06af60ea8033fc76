"""The preparer: gives late tasks their words when their turn has come.

In: a task that is about to be done, or to be shown to people. Out: the same, rendered of what its
run was decided by and of what the other tasks of its rule and item came to, and stored so: the
words that were rendered first stay. A task that turns out not to be wanted is skipped.
"""

from dataclasses import replace

from activity_core.core.errors import ExpressionError
from activity_core.core.human.clock import clock_of
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.context import recorded_values
from activity_core.core.rules.late import Origin, origin_of, render_late
from activity_core.core.rules.task_facts import task_seen, tasks_seen
from activity_core.core.run import announcing
from activity_core.core.run.errors import LimitExceededError, TaskFailedError
from activity_core.core.run.task import (
    FINAL,
    NOT_WANTED,
    TIMELESS,
    TaskClock,
    TaskInstance,
    TaskResult,
    TaskStatus,
)
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.run_ledger import RunLedger, RunMaterial
from activity_core.ports.task_ledger import TaskLedger
from activity_core.services.catalogue import Catalogue

_NOT_WANTED = TaskResult(TaskStatus.SKIPPED, NOT_WANTED)


class TaskPreparer:
    """Late tasks of one tenant."""

    def __init__(
        self,
        runs: RunLedger,
        tasks: TaskLedger,
        catalogue: Catalogue,
        clock: Clock,
        doorbell: Doorbell,
        *,
        deployment: str,
    ) -> None:
        self._runs = runs
        self._tasks = tasks
        self._catalogue = catalogue
        self._clock = clock
        self._doorbell = doorbell
        self._deployment = deployment

    async def prepared(self, task: TaskInstance) -> TaskInstance:
        """The task with its words; it may be skipped, as any late one whose `when` does not hold.

        Raises:
            TaskFailedError: its words cannot be told; trying again cannot help.
            NotFoundError: its run is gone.
            UnavailableError: a ledger cannot be reached; nothing is stored.
        """
        if not task.late or task.status in FINAL:
            return task
        material = await self._runs.material(task.run_id)
        definition = await self._catalogue.definition((material.definition_id, material.version))
        origin = origin_of(definition, task.rule, task.spec_id)
        values = await self._values(task, origin, material)
        try:
            words = render_late(definition, origin, task.item, values)
        except (ExpressionError, LimitExceededError) as error:
            raise TaskFailedError(
                str(error), subject=f"task {task.task_id}", retryable=False, type=error.code
            ) from None
        if words is None:
            return await self._skip(task, material.attempt)
        clock = await self._clock_of(origin)
        return await self._tasks.render(task.task_id, replace(words, clock=clock))

    async def _values(
        self, task: TaskInstance, origin: Origin, material: RunMaterial
    ) -> dict[str, JsonValue]:
        group = await self._tasks.group(task.run_id, task.rule, task.item)
        values = recorded_values(material.occurrence, material.snapshot)
        values["tasks"] = tasks_seen(origin.visible, group)
        if origin.notice:
            told = next(other for other in group if other.task_id == task.about)
            values |= {"task": task_seen(told), "notice": origin.notice}
        return values

    async def _clock_of(self, origin: Origin) -> TaskClock:
        human = origin.template.human_ if origin.work is origin.template else None
        if human is None:
            return TIMELESS
        await self._catalogue.refresh()
        return clock_of(human, self._clock.now(), self._catalogue.calendars)

    async def _skip(self, task: TaskInstance, run_attempt: int) -> TaskInstance:
        at = self._clock.now()
        ended = announcing.task_ended(
            task, _NOT_WANTED, deployment=self._deployment, at=at, attempt=run_attempt
        )
        skipped = await self._tasks.finish(task.task_id, _NOT_WANTED, at, [ended])
        self._doorbell.ring(Topic.RELAY)
        return skipped
