"""The tasks of one run: drives the interpreter of `core.run.graph` to its end.

The `RunActivity` workflow builds it from a `Progress`. What may start is begun at once: by machines
(`machine_tasks`), or by people and others outside (`outside`). Every end is fed back. Groups that
stop are undone (`compensation`). Long runs are read window by window; when the history grows long,
machines are let finish and the workflow continues as new.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from functools import partial

from temporalio import workflow
from temporalio.exceptions import is_cancelled_exception

from activity_core.core.run.graph import Graph
from activity_core.core.run.progress import Progress, TaskEnd, TaskStep
from activity_core.workflows.calls import local, local_if_any
from activity_core.workflows.compensation import compensate
from activity_core.workflows.machine_tasks import RUNNING, by_machine, failed
from activity_core.workflows.messages import (
    MAKE_READY,
    NEXT_TASKS,
    SKIP_TASKS,
    BeginCompensation,
    FailTask,
    MakeReady,
    NextTasks,
    SkipTasks,
    TaskAnswer,
)
from activity_core.workflows.outside import Doorbell, Outside

READ_BELOW = 200
"""The next window is read when machines have fewer tasks than this to do: twice what one rule lets
them do at the same time, so that they need not wait for it."""

WORTH_IT = 200
"""Events of history before it is continued as new: reading the windows anew has its price."""

CHILDREN_END_FIRST = 20_000
"""Events up to which nothing is held up so that child workflows can end; Temporal's limit is 50 k.

A workflow that continues as new does not learn what becomes of its children."""

EVERYTHING = ""
"""In the place of a group: all groups of the run."""

CANCELLED = TaskEnd("cancelled")
LEFT = TaskEnd("ready")
"""People see the task, and nobody waits for them."""


class TaskGraph:
    """Carries out the tasks of one run."""

    def __init__(self, progress: Progress, doorbell: Doorbell) -> None:
        self._progress = progress
        self._graph = Graph()
        self._outside = Outside(doorbell, self._take_away, self._stop)
        self._following = progress.following
        self._under_way: dict[str, asyncio.Task[TaskEnd | None]] = {}
        self._children: set[str] = set()
        self._owed: set[str] = set()  # groups that stopped and are not undone yet
        self._draining = False
        self._error: BaseException | None = None

    async def carry_out(self) -> bool:
        """True when every task is over or left; False when it must be continued as new."""
        watcher = asyncio.create_task(self._outside.watch(self._progress.run_id, self._go_on))
        watcher.add_done_callback(self._keep_error)
        self._graph.add(self._progress.tasks)
        if self._progress.stop:
            self._stop()
        self._go_on()
        await workflow.wait_condition(self._is_at_rest)
        if self._error is not None:
            raise self._error
        self._outside.close()
        await watcher
        return self._is_over()

    def _is_over(self) -> bool:
        return self._graph.is_over and not (self._following or self._owed)

    def _is_at_rest(self) -> bool:
        if self._error is not None:
            return True
        busy = len(self._under_way) > self._outside.expected
        return not busy and (self._draining or self._is_over())

    def _go_on(self) -> None:
        """Begin whatever can be begun now."""
        self._draining = self._draining or self._is_long()
        self._owed.update(self._graph.take_due())
        if self._draining or self._error is not None:
            return
        for group in sorted(self._owed - self._under_way.keys()):
            if group != EVERYTHING or not self._under_way:
                self._begin(group, self._compensate(group))
        if self._wants_more():
            self._begin(NEXT_TASKS, self._read())
        for step in self._graph.starting():
            blocked = [] if step.join == "all_succeeded" else self._graph.take_blocked(step.group)
            self._begin(step.task_id, self._do(step, blocked))
        for task_id in self._graph.take_halted():
            if not self._outside.settle(task_id, CANCELLED):
                self._under_way[task_id].cancel()

    def _wants_more(self) -> bool:
        is_reading = NEXT_TASKS in self._under_way
        return bool(self._following) and not is_reading and self._graph.load < READ_BELOW

    def _begin(self, key: str, work: Coroutine[None, None, TaskEnd | None]) -> None:
        task = self._under_way[key] = asyncio.create_task(work)
        task.add_done_callback(partial(self._ended, key))

    def _ended(self, key: str, task: asyncio.Task[TaskEnd | None]) -> None:
        end = self._end_of(task)
        if self._under_way.get(key) is not task:  # taken away meanwhile
            return
        del self._under_way[key]
        self._outside.leave(key)
        self._children.discard(key)
        if end is not None:
            self._graph.end(key, end.status, end.outcome)
        self._go_on()

    def _end_of(self, task: asyncio.Task[TaskEnd | None]) -> TaskEnd | None:
        if task.cancelled():
            return CANCELLED
        if error := task.exception():
            if is_cancelled_exception(error):
                return CANCELLED
            self._error = error
            return None
        return task.result()

    def _keep_error(self, watcher: asyncio.Task[None]) -> None:
        if not watcher.cancelled() and (error := watcher.exception()):
            self._error = error

    async def _do(self, step: TaskStep, blocked: Sequence[str]) -> TaskEnd:
        attempt = self._progress.attempt
        if blocked:  # its words may tell what became of them
            await local(SKIP_TASKS, SkipTasks(list(blocked), attempt), type(None))
        if step.by_person:
            return await self._by_person(step)
        self._outside.look_after(step.task_id)
        if step.call == "workflow":
            self._children.add(step.task_id)
        return await self._by_machine(step)

    async def _by_machine(self, step: TaskStep) -> TaskEnd:
        end = await by_machine(step, self._progress.attempt)
        return await self._called_back(step, end) if end.status == RUNNING else end

    async def _by_person(self, step: TaskStep) -> TaskEnd:
        # Listen before it can be done, or its signal finds nobody.
        done = self._outside.expect(step.task_id) if step.awaited else None
        if step.hidden:
            order = MakeReady([step.task_id], self._progress.attempt)
            answer = await local_if_any(MAKE_READY, order, TaskAnswer)
            if answer and (status := answer.final.get(step.task_id)):
                end = TaskEnd(status, answer.outcomes.get(step.task_id, ""))
                self._outside.settle(step.task_id, end)
                return end
        return await done if done else LEFT

    async def _called_back(self, step: TaskStep, asked: TaskEnd) -> TaskEnd:
        done = self._outside.expect(step.task_id)
        self._outside.look()
        within = timedelta(seconds=asked.wait_seconds)
        try:
            await workflow.wait_condition(done.done, timeout=within)
        except TimeoutError:
            self._outside.settle(step.task_id, CANCELLED)
            message = "nothing came back within the time of its `callback`"
            attempt = self._progress.attempt
            return await failed(FailTask(step.task_id, attempt, message, "callback_timeout"))
        return done.result()

    async def _read(self) -> None:
        """The next window."""
        run = self._progress
        question = NextTasks(run.execution_id, run.run_id, self._following)
        window = await local(NEXT_TASKS, question, Progress)
        if self._following:
            self._following = window.following
            self._graph.add(window.tasks)
            self._outside.look()
        if window.stop:
            self._stop()

    async def _compensate(self, group: str) -> None:
        run = self._progress
        order = BeginCompensation(run.run_id, group, run.attempt)
        if await compensate(order, self._by_machine, lambda: self._draining):
            self._owed.discard(group)

    def _take_away(self, task_id: str, end: TaskEnd) -> None:
        """Somebody ended a task that a machine does: nobody waits for the machine."""
        if self._graph.end(task_id, end.status, end.outcome):
            self._outside.leave(task_id)
            self._children.discard(task_id)
            self._under_way.pop(task_id).cancel()

    def _stop(self) -> None:
        """The run is to be undone: nothing starts, and what is under way is ended."""
        if EVERYTHING in self._owed:
            return
        self._following = ""
        self._graph.stop()
        self._owed.add(EVERYTHING)

    def _is_long(self) -> bool:
        info = workflow.info()
        events = info.get_current_history_length()
        if not info.is_continue_as_new_suggested() or events < WORTH_IT:
            return False
        return not self._children or events > CHILDREN_END_FIRST
