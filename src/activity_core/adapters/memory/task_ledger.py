"""The ledger of tasks in memory."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from activity_core.adapters.memory.new_tasks import insert, insert_waiting
from activity_core.adapters.memory.outbox import announce
from activity_core.adapters.memory.state import State, Tables
from activity_core.adapters.memory.task_rows import (
    end,
    instance,
    is_left,
    store,
    tallied,
    task_row,
)
from activity_core.core.errors import NotFoundError
from activity_core.core.rules.late import LateWords
from activity_core.core.rules.task_spec import TaskKind, TaskRole
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.run import RunStatus
from activity_core.core.run.tally import Tally
from activity_core.core.run.task import (
    FINAL,
    NewTask,
    TaskClock,
    TaskInstance,
    TaskResult,
    TaskStatus,
)
from activity_core.core.run.window import BEFORE_ALL, parse_group
from activity_core.ports.run_queue import Signal
from activity_core.ports.task_ledger import Finish, RunStates, TaskState

_BEGINS = frozenset({TaskStatus.PENDING, TaskStatus.READY})


class MemoryTaskLedger:
    """See `ports.task_ledger.TaskLedger`."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def get(self, task_id: str) -> TaskInstance:
        """See `TaskLedger.get`."""
        return instance(task_row(self._state.tables, task_id))

    async def begin(self, task_id: str, attempt: int, at: datetime) -> TaskInstance:
        """See `TaskLedger.begin`."""
        async with self._state.transaction() as tables:
            row = task_row(tables, task_id)
            if row.task.status in FINAL:
                return instance(row)
            task = row.task
            if task.status in _BEGINS:
                task = replace(task, status=TaskStatus.RUNNING)
            started_at, attempts = row.started_at or at, max(row.attempts, attempt)
            store(tables, replace(row, task=task, attempts=attempts, started_at=started_at))
            return task

    async def wait(self, task_id: str, until: datetime) -> TaskInstance:
        """See `TaskLedger.wait`."""
        async with self._state.transaction() as tables:
            row = task_row(tables, task_id)
            task = replace(row.task, waits_until=row.task.waits_until or until)
            store(tables, replace(row, task=task))
            return task

    async def finish(
        self,
        task_id: str,
        result: TaskResult,
        at: datetime,
        announcements: Sequence[Announcement],
        *,
        ring: bool = False,
    ) -> TaskInstance:
        """See `TaskLedger.finish`."""
        [task] = await self.finish_all([Finish(task_id, result, at, announcements, ring=ring)])
        return task

    async def finish_all(self, finishes: Sequence[Finish]) -> Sequence[TaskInstance]:
        """See `TaskLedger.finish_all`."""
        async with self._state.transaction() as tables:
            for finish in finishes:
                for each in finish.all:
                    row = task_row(tables, each.task_id)
                    if row.task.status in FINAL:
                        break
                    end(tables, row, each.result, each.at)
                    if each.ring:
                        signal(self._state, tables, row.task)
                    announce(self._state, tables, each.announcements, each.at)
            return [instance(task_row(tables, finish.task_id)) for finish in finishes]

    async def end(
        self,
        run_id: str,
        result: TaskResult,
        at: datetime,
        announcements: Mapping[str, Announcement],
        *,
        ring: bool = False,
    ) -> Sequence[str]:
        """See `TaskLedger.end`."""
        async with self._state.transaction() as tables:
            rows = [tables.tasks[task_id] for task_id in announcements]
            mine = [row for row in rows if row.task.run_id == run_id]
            open_ = [row for row in mine if row.task.status not in FINAL]
            for row in open_:
                end(tables, row, result, at)
            if ring and open_:
                signal(self._state, tables, open_[0].task)
            said = [announcements[row.task.task_id] for row in open_]
            announce(self._state, tables, said, at)
            return [row.task.task_id for row in open_]

    async def add(
        self,
        run_id: str,
        tasks: Sequence[NewTask],
        announcements: Sequence[Announcement],
        at: datetime,
    ) -> None:
        """See `TaskLedger.add`."""
        async with self._state.transaction() as tables:
            if run_id not in tables.runs:
                raise NotFoundError("no such run", subject=f"run {run_id}")
            for task in tasks:
                insert(tables, run_id, task, at)
            announce(self._state, tables, announcements, at)

    async def make_ready(
        self,
        clocks: Mapping[str, TaskClock],
        at: datetime,
        added: Sequence[NewTask] = (),
        announcements: Sequence[Announcement] = (),
    ) -> None:
        """See `TaskLedger.make_ready`."""
        async with self._state.transaction() as tables:
            for task_id, clock in clocks.items():
                row = task_row(tables, task_id)
                if row.task.status is TaskStatus.PENDING and row.task.kind is TaskKind.HUMAN:
                    task = replace(row.task, status=TaskStatus.READY, clock=clock, ready_at=at)
                    store(tables, replace(row, task=task))
            for new in added:
                about = task_row(tables, str(new.spec.about)).task
                insert_waiting(self._state, tables, about.run_id, [new], at)
            announce(self._state, tables, announcements, at)

    async def render(self, task_id: str, words: LateWords) -> TaskInstance:
        """See `TaskLedger.render`."""
        async with self._state.transaction() as tables:
            row = task_row(tables, task_id)
            if row.task.status in FINAL or not row.task.late:
                return instance(row)
            task = replace(
                row.task,
                title=words.title,
                inputs=dict(words.inputs),
                assignee=words.assignee,
                groups=words.groups,
                clock=words.clock,
                late=False,
            )
            store(tables, replace(row, task=task))
            return task

    async def some(self, task_ids: Sequence[str]) -> Sequence[TaskInstance]:
        """See `TaskLedger.some`."""
        rows = self._state.tables.tasks
        return [instance(rows[task_id]) for task_id in sorted(set(task_ids)) if task_id in rows]

    async def group(self, run_id: str, rule: str, item: int) -> Sequence[TaskInstance]:
        """See `TaskLedger.group`."""
        return [task for task in self._of(run_id) if (task.rule, task.item) == (rule, item)]

    async def window(self, run_id: str, after: str, limit: int) -> Sequence[TaskInstance]:
        """See `TaskLedger.window`."""
        start = parse_group(after) if after else BEFORE_ALL
        groups: defaultdict[tuple[str, int], list[TaskInstance]] = defaultdict(list)
        for task in self._of(run_id):
            if (task.rule, task.item) > start and task.role is not TaskRole.NOTIFICATION:
                groups[task.rule, task.item].append(task)
        chosen: list[TaskInstance] = []
        for _, group in sorted(groups.items()):
            if len(chosen) < limit and is_left(group, self._state.tables.runs[run_id].stop):
                chosen += group
        return chosen

    async def open_tasks(
        self, run_id: str, statuses: Sequence[TaskStatus], limit: int
    ) -> Sequence[TaskInstance]:
        """See `TaskLedger.open_tasks`."""
        found = [task for task in self._of(run_id) if task.status in statuses]
        return sorted(found, key=lambda task: (task.rule, task.item))[:limit]

    async def states(self, run_id: str, task_ids: Sequence[str]) -> RunStates:
        """See `TaskLedger.states`."""
        run = self._state.tables.runs.get(run_id)
        states = [
            TaskState(task.task_id, task.status, task.result.outcome if task.result else "")
            for task in self._of(run_id)
            if task.task_id in set(task_ids)
        ]
        return RunStates(states, run.stop if run else "")

    async def tallies(self, run_id: str) -> Sequence[Tally]:
        """See `TaskLedger.tallies`."""
        return tallied(list(self._of(run_id)))

    def _of(self, run_id: str) -> Iterator[TaskInstance]:
        """In order of task id."""
        for _, row in sorted(self._state.tables.tasks.items()):
            if row.task.run_id == run_id:
                yield instance(row)


def signal(state: State, tables: Tables, task: TaskInstance) -> None:
    """Wake the workflow of a task's run, if that runs."""
    run = tables.runs[task.run_id]
    if run.status is RunStatus.RUNNING and run.execution_id is not None:
        position = state.next_position()
        workflow_id = tables.executions[run.execution_id].workflow_id
        tables.pending_signals[position] = Signal(position, workflow_id)
