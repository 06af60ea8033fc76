"""The tasks of one run: each as soon as what it needs is done, so many at a time.

The `RunActivity` workflow builds it from a `Progress`. Workers report by the result of a Temporal
activity; people by a payload-free signal (`ring`), behind which the database is asked. What
cannot be done because something it needs failed is left alone here and skipped when the run is
closed.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activity_core.core.run.progress import Progress, TaskStep
from activity_core.workflows.calls import local, reason, remote
from activity_core.workflows.messages import (
    FAIL_TASK,
    MAKE_READY,
    PERFORM_TASK,
    TASK_STATES,
    FailTask,
    MakeReady,
    PerformTask,
    TaskAnswer,
    TaskQuestion,
)

PARALLEL = 10
"""How many tasks of one run workers do at the same time."""

LOOK_AGAIN = timedelta(hours=1)
"""After this long without a signal the database is asked anyway."""

COMPLETED = "completed"


class TaskGraph:
    """Carries out the tasks of one run."""

    def __init__(self) -> None:
        self._rung = False
        self._over = False
        self._people: dict[str, asyncio.Future[bool]] = {}
        self._success: dict[str, asyncio.Future[bool]] = {}
        self._slots = asyncio.Semaphore(PARALLEL)

    def ring(self) -> None:
        """Some task of the run changed; look which."""
        self._rung = True

    async def carry_out(self, progress: Progress) -> None:
        """Return when every task is done, failed, or left because of one that failed."""
        loop = asyncio.get_running_loop()
        self._success = {step.task_id: loop.create_future() for step in progress.tasks}
        watcher = asyncio.create_task(self._watch(progress.run_id))
        await asyncio.gather(*(self._follow(step, progress.attempt) for step in progress.tasks))
        self._over = True
        await watcher
        self._over = False

    async def _follow(self, step: TaskStep, run_attempt: int) -> None:
        self._success[step.task_id].set_result(await self._succeeds(step, run_attempt))

    async def _succeeds(self, step: TaskStep, run_attempt: int) -> bool:
        if step.status:
            return step.status == COMPLETED
        for need in step.needs:
            if not await self._success[need]:
                return False
        if step.by_person:
            return await self._by_person(step)
        return await self._by_worker(step, run_attempt)

    async def _by_worker(self, step: TaskStep, run_attempt: int) -> bool:
        async with self._slots:
            try:
                task = PerformTask(step.task_id, run_attempt)
                await remote(PERFORM_TASK, task, step.patience, step.queue)
            except ActivityError as error:
                _, message = reason(error)
                await local(FAIL_TASK, FailTask(step.task_id, run_attempt, message), type(None))
                return False
        return True

    async def _by_person(self, step: TaskStep) -> bool:
        done: asyncio.Future[bool] | None = None
        if step.awaited:  # listen before it can be done, or its signal finds nobody
            done = self._people[step.task_id] = asyncio.get_running_loop().create_future()
        if step.hidden:
            await local(MAKE_READY, MakeReady([step.task_id]), type(None))
        return done is None or await done

    async def _watch(self, run_id: str) -> None:
        while True:
            await workflow.wait_condition(lambda: self._over or bool(self._people))
            if self._over:
                return
            self._rung = False
            await self._look(run_id)
            if self._people:
                with suppress(TimeoutError):
                    await workflow.wait_condition(lambda: self._rung, timeout=LOOK_AGAIN)

    async def _look(self, run_id: str) -> None:
        answer = await local(TASK_STATES, TaskQuestion(run_id, list(self._people)), TaskAnswer)
        for task_id, status in answer.final.items():
            self._people.pop(task_id).set_result(status == COMPLETED)
