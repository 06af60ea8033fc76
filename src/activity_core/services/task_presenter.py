"""The presenter: shows tasks to people when their turn has come, and tells what became of tasks.

Called by the steps of the workflow. In: ids of tasks. Out: tasks that are in the inbox, with their
clocks and those who are told of them; and the ends of those that are over. May be repeated: what
is ready already stays as it is.
"""

from collections.abc import Sequence
from datetime import datetime

from activity_core.core.human.clock import clock_of
from activity_core.core.human.notices import Told, human_of, notifications
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.announcing import task_added
from activity_core.core.run.progress import TaskEnd, TaskStates
from activity_core.core.run.task import (
    FINAL,
    TIMELESS,
    NewTask,
    TaskClock,
    TaskInstance,
    TaskStatus,
)
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.task_ledger import TaskLedger
from activity_core.services.catalogue import Catalogue
from activity_core.services.performer import Performer


class TaskPresenter:
    """Tasks of one tenant, as far as others than machines end them."""

    def __init__(
        self,
        tasks: TaskLedger,
        performer: Performer,
        catalogue: Catalogue,
        clock: Clock,
        doorbell: Doorbell,
        *,
        deployment: str,
    ) -> None:
        self._tasks = tasks
        self._performer = performer
        self._catalogue = catalogue
        self._clock = clock
        self._doorbell = doorbell
        self._deployment = deployment

    async def make_ready(self, task_ids: Sequence[str], run_attempt: int) -> TaskStates:
        """What these tasks needed is over: people may see them.

        Those are over that turn out not to be wanted, or whose words cannot be told.

        Raises:
            UnavailableError: the store cannot be reached.
        """
        await self._catalogue.refresh()
        at = self._clock.now()
        clocks: dict[str, TaskClock] = {}
        told: list[tuple[TaskInstance, NewTask]] = []
        for task in await self._tasks.some(task_ids):
            if task.status is TaskStatus.PENDING and task.kind is TaskKind.HUMAN:
                prepared = await self._performer.prepare(task, run_attempt)
                if prepared.status not in FINAL:
                    clocks[task.task_id], notices = await self._ready(prepared, at)
                    told += [(prepared, notice) for notice in notices]
        if clocks:
            said = [task_added(task, new, deployment=self._deployment, at=at) for task, new in told]
            await self._tasks.make_ready(clocks, at, [new for _, new in told], said)
            self._doorbell.ring(Topic.RELAY)
            self._doorbell.ring(Topic.STARTER)
        return _ends(await self._tasks.some(task_ids))

    async def states(self, run_id: str, task_ids: Sequence[str]) -> TaskStates:
        """Those tasks of a run that are over, and whether it is asked to stop."""
        found = await self._tasks.states(run_id, task_ids)
        ends = {
            state.task_id: TaskEnd(state.status, state.outcome)
            for state in found.tasks
            if state.status in FINAL
        }
        return TaskStates(ends, found.stop)

    async def _ready(self, task: TaskInstance, at: datetime) -> tuple[TaskClock, list[NewTask]]:
        definition = await self._catalogue.definition((task.definition_id, task.version))
        human = human_of(definition, task)
        clock = clock_of(human, at, self._catalogue.calendars) if human else TIMELESS
        return clock, notifications(human, Told.of(task), "created")


def _ends(tasks: Sequence[TaskInstance]) -> TaskStates:
    return TaskStates(
        {task.task_id: TaskEnd(task.status, task.result.outcome) for task in tasks if task.result}
    )
