"""The compensator: has the completed tasks of groups undone, and asks people where that fails.

In: groups of which nothing is under way any more; called by the steps of the workflow, again and
again until nothing is left to undo. Out: what is left, in its order. Compensations are recorded
before they are begun, once; the rest is `core.run.compensation`.
"""

from collections.abc import Sequence
from itertools import groupby

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.run.announcing import task_added, task_ended
from activity_core.core.run.compensation import (
    GIVEN_UP,
    compensations,
    given_up,
    help_with,
    is_asked_for_help,
    left_to_undo,
)
from activity_core.core.run.progress import TaskStep
from activity_core.core.run.task import TaskInstance
from activity_core.core.run.task_steps import as_decided, step_of
from activity_core.core.run.window import group_of, parse_group
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.task_ledger import TaskLedger
from activity_core.services.catalogue import Catalogue

MOST = 100
"""Compensations that one answer has, unless a single group has more."""


class Compensator:
    """Compensations of one tenant."""

    def __init__(
        self,
        tasks: TaskLedger,
        catalogue: Catalogue,
        clock: Clock,
        doorbell: Doorbell,
        *,
        deployment: str,
    ) -> None:
        self._tasks = tasks
        self._catalogue = catalogue
        self._clock = clock
        self._doorbell = doorbell
        self._deployment = deployment

    async def begin(self, run_id: str, group: str, run_attempt: int) -> list[TaskStep]:
        """Give up what is open of a group (empty: of all), and say what is left to undo.

        Not everything, if that is much: asked again, it says what is left then.
        """
        if group:
            return await self._begin(run_id, group, run_attempt)
        steps: list[TaskStep] = []
        after = ""
        while len(steps) < MOST:
            tasks = await self._tasks.window(run_id, after, MOST)
            if not tasks:
                break
            for after, _ in groupby(tasks, lambda task: group_of(task.rule, task.item)):
                steps += await self._begin(run_id, after, run_attempt)
        return steps

    async def failed(self, task_id: str) -> None:
        """A compensation is not tried again: a person is to look after it, if none is asked yet."""
        compensation = await self._tasks.get(task_id)
        group = await self._tasks.group(compensation.run_id, compensation.rule, compensation.item)
        if is_asked_for_help(group, task_id):
            return
        undone = await self._tasks.get(str(compensation.about))
        wanted = help_with(await self._definition(compensation), compensation, undone)
        at = self._clock.now()
        said = task_added(compensation, wanted, deployment=self._deployment, at=at)
        await self._tasks.add(compensation.run_id, [wanted], [said], at)
        self._doorbell.ring(Topic.RELAY)

    async def _begin(self, run_id: str, group: str, run_attempt: int) -> list[TaskStep]:
        rule, item = parse_group(group)
        tasks = await self._tasks.group(run_id, rule, item)
        if open_ := given_up(tasks):
            await self._give_up(run_id, open_, run_attempt)
            tasks = await self._tasks.group(run_id, rule, item)
        if not tasks:
            return []
        definition = await self._definition(tasks[0])
        if await self._record(run_id, definition, tasks):
            tasks = await self._tasks.group(run_id, rule, item)
        left = left_to_undo(definition, tasks)
        return [step_of(as_decided(definition, task)) for task in left]

    async def _give_up(self, run_id: str, open_: Sequence[TaskInstance], run_attempt: int) -> None:
        at = self._clock.now()
        said = {
            task.task_id: task_ended(
                task, GIVEN_UP, deployment=self._deployment, at=at, attempt=run_attempt
            )
            for task in open_
        }
        await self._tasks.end(run_id, GIVEN_UP, at, said)
        self._doorbell.ring(Topic.RELAY)

    async def _record(
        self, run_id: str, definition: ActivityDefinition, tasks: Sequence[TaskInstance]
    ) -> bool:
        """Record the compensations that are not there yet; False if none were missing."""
        there = {task.task_id: task for task in tasks}
        new = [each for each in compensations(definition, tasks) if each.spec.task_id not in there]
        if new:
            at = self._clock.now()
            said = [
                task_added(there[str(each.spec.about)], each, deployment=self._deployment, at=at)
                for each in new
            ]
            await self._tasks.add(run_id, new, said, at)
            self._doorbell.ring(Topic.RELAY)
        return bool(new)

    async def _definition(self, task: TaskInstance) -> ActivityDefinition:
        return await self._catalogue.definition((task.definition_id, task.version))
