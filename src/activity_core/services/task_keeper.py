"""The task keeper: what time does to human tasks that nobody does.

In: tasks whose `wake_at` has come, by the clock alone. Out, in one transaction per task and under
its lock: reminders, hand-overs and expiry with their lines of the log, their announcements and the
notifications that follow. Killed before the commit, the task is still due; after it, it is not.
"""

import asyncio
from datetime import timedelta

import structlog

from activity_core.core.definition.human_task import HumanTask
from activity_core.core.errors import ActivityCoreError, UnavailableError
from activity_core.core.human.chain import Moment, step
from activity_core.core.human.notices import Told, notifications
from activity_core.core.run.announcing import task_added
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.task_desk import OpenTask, TaskDesk
from activity_core.services.catalogue import Catalogue
from activity_core.services.known_task import open_known
from activity_core.services.loop import repeat

log = structlog.get_logger(__name__)

BATCH = 200
"""Tasks that are looked up at once."""
PERIOD = 1.0
"""Seconds between looks, and so how late a reminder may be. Nobody rings: only the clock knows."""
PAUSE = timedelta(minutes=5)
"""How long a task of which nothing came lets others go first."""


class TaskKeeper:
    """Keeps the human tasks of one tenant; several may run at once."""

    def __init__(
        self,
        desk: TaskDesk,
        catalogue: Catalogue,
        clock: Clock,
        doorbell: Doorbell,
        *,
        deployment: str,
    ) -> None:
        self._desk = desk
        self._catalogue = catalogue
        self._clock = clock
        self._doorbell = doorbell
        self._deployment = deployment

    async def run(self) -> None:
        """Until cancelled."""
        await repeat("keeper", self.step, asyncio.sleep, period=PERIOD)

    async def step(self) -> bool:
        """Do what is due; True if there may be more.

        Raises:
            UnavailableError: the store cannot be reached; nothing or some of it was done.
        """
        await self._catalogue.refresh()
        due = await self._desk.due(BATCH, self._clock.now())
        done = [await self._keep(task_id) for task_id in due]
        if any(done):
            self._doorbell.ring(Topic.RELAY)
            self._doorbell.ring(Topic.STARTER)
        return len(due) == BATCH and any(done)

    async def _keep(self, task_id: str) -> bool:
        """Whether something was done: one bad task must not keep the others waiting."""
        done = False
        try:
            async with open_known(self._desk, self._catalogue, task_id) as (opened, human):
                done = human is not None and await self._take(opened, human)
        except UnavailableError:
            raise
        except Exception as error:
            code = error.code if isinstance(error, ActivityCoreError) else ActivityCoreError.code
            log.exception("task_not_kept", task_id=task_id, code=code)
        if not done:
            now = self._clock.now()
            await self._desk.put_off(task_id, now, now + PAUSE)
        return done

    async def _take(self, opened: OpenTask, human: HumanTask) -> bool:
        now = self._clock.now()
        due = step(human, opened.task, self._catalogue.calendars, Moment(now, self._deployment))
        for taken in due:
            told = notifications(human, Told.of(taken.task), taken.entry.action)
            said = [
                task_added(taken.task, new, deployment=self._deployment, at=now) for new in told
            ]
            await opened.write(taken.task, taken.entry, [taken.announcement, *said], added=told)
        return bool(due)
