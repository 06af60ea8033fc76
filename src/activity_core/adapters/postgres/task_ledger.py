"""The ledger of tasks: begun by attempts, ended once, under the lock of their run."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from psycopg.rows import DictRow

from activity_core.adapters.postgres import task_ledger_queries as queries
from activity_core.adapters.postgres import task_rows
from activity_core.adapters.postgres.new_tasks import RunOf, insert, insert_waiting
from activity_core.adapters.postgres.outbox import post
from activity_core.adapters.postgres.pool import Connection, Pool, connection, transaction
from activity_core.adapters.postgres.storable import json_text, prose
from activity_core.adapters.postgres.task_ends import values_of
from activity_core.adapters.postgres.task_finishes import finish_all
from activity_core.core.errors import NotFoundError
from activity_core.core.rules.late import LateWords
from activity_core.core.rules.task_spec import TaskRole
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.tally import MOST_NAMED, Tally
from activity_core.core.run.task import (
    NewTask,
    TaskClock,
    TaskInstance,
    TaskResult,
    TaskStatus,
)
from activity_core.core.run.window import BEFORE_ALL, parse_group
from activity_core.ports.task_ledger import Finish, RunStates, TaskState


class PostgresTaskLedger:
    """See `ports.task_ledger.TaskLedger`."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    async def get(self, task_id: str) -> TaskInstance:
        """See `TaskLedger.get`."""
        async with connection(self._pool) as conn:
            return await self._stored(conn, task_id)

    async def begin(self, task_id: str, attempt: int, at: datetime) -> TaskInstance:
        """See `TaskLedger.begin`; one round trip."""
        values = self._of(task_id) | {"attempt": attempt, "at": at}
        return _found(await self._one(queries.BEGIN, values), task_id)

    async def wait(self, task_id: str, until: datetime) -> TaskInstance:
        """See `TaskLedger.wait`."""
        values = self._of(task_id) | {"until": until}
        return _found(await self._one(queries.WAIT, values), task_id)

    async def finish(
        self,
        task_id: str,
        result: TaskResult,
        at: datetime,
        announcements: Sequence[Announcement],
        *,
        ring: bool = False,
    ) -> TaskInstance:
        """See `TaskLedger.finish`; two round trips."""
        [task] = await self.finish_all([Finish(task_id, result, at, announcements, ring=ring)])
        return task

    async def finish_all(self, finishes: Sequence[Finish]) -> Sequence[TaskInstance]:
        """See `TaskLedger.finish_all`; two round trips, however many they are."""
        async with transaction(self._pool) as conn:
            return await finish_all(conn, self._tenant, finishes)

    async def end(
        self,
        run_id: str,
        result: TaskResult,
        at: datetime,
        announcements: Mapping[str, Announcement],
        *,
        ring: bool = False,
    ) -> Sequence[str]:
        """See `TaskLedger.end`; two round trips, however many they are."""
        values = self._ended(list(announcements), result, at)
        async with transaction(self._pool) as conn:
            await conn.execute(queries.LOCK_RUN, {"tenant": self._tenant, "run": run_id})
            rows = await (await conn.execute(queries.FINISH, values)).fetchall()
            fresh = {row["task_id"] for row in rows}
            mine = [task_id for task_id in announcements if task_id in fresh]
            if ring and mine:
                await conn.execute(queries.SIGNAL, self._of(mine[0]))
            said = [announcements[task_id] for task_id in mine]
            await post(conn, self._tenant, said, at)
        return mine

    async def add(
        self,
        run_id: str,
        tasks: Sequence[NewTask],
        announcements: Sequence[Announcement],
        at: datetime,
    ) -> None:
        """See `TaskLedger.add`."""
        async with transaction(self._pool) as conn:
            run = await self._locked(conn, run_id)
            await insert(conn, self._tenant, [(run, task) for task in tasks], at)
            await post(conn, self._tenant, announcements, at)

    async def make_ready(
        self,
        clocks: Mapping[str, TaskClock],
        at: datetime,
        added: Sequence[NewTask] = (),
        announcements: Sequence[Announcement] = (),
    ) -> None:
        """See `TaskLedger.make_ready`."""
        values = {
            "tenant": self._tenant,
            "tasks": list(clocks),
            "at": at,
            "due": [clock.due_at for clock in clocks.values()],
            "follow_ups": [clock.follow_up_at for clock in clocks.values()],
            "wakes": [clock.wake_at for clock in clocks.values()],
        }
        async with transaction(self._pool) as conn:
            if added:
                about = str(added[0].spec.about)
                await conn.execute(queries.LOCK_RUN_OF, self._of(about))
                told = await self._stored(conn, about)
                await insert_waiting(conn, self._tenant, [(told, new) for new in added], at)
                await post(conn, self._tenant, announcements, at)
            await conn.execute(queries.READY, values)

    async def render(self, task_id: str, words: LateWords) -> TaskInstance:
        """See `TaskLedger.render`."""
        values = self._of(task_id) | {
            "title": prose(words.title),
            "inputs": json_text(dict(words.inputs)),
            "assignee": words.assignee,
            "groups": list(words.groups),
            "due": words.clock.due_at,
            "follow_up": words.clock.follow_up_at,
            "wake": words.clock.wake_at,
        }
        row = await self._one(queries.RENDER, values)
        return task_rows.instance(row) if row else await self.get(task_id)

    async def some(self, task_ids: Sequence[str]) -> Sequence[TaskInstance]:
        """See `TaskLedger.some`."""
        return await self._tasks(queries.SOME, {"tasks": [prose(each) for each in task_ids]})

    async def group(self, run_id: str, rule: str, item: int) -> Sequence[TaskInstance]:
        """See `TaskLedger.group`."""
        return await self._tasks(queries.GROUP, {"run": run_id, "rule": rule, "item": item})

    async def window(self, run_id: str, after: str, limit: int) -> Sequence[TaskInstance]:
        """See `TaskLedger.window`."""
        rule, item = parse_group(after) if after else BEFORE_ALL
        values = {"run": run_id, "rule": rule, "item": item, "limit": limit}
        return await self._tasks(queries.WINDOW, values)

    async def open_tasks(
        self, run_id: str, statuses: Sequence[TaskStatus], limit: int
    ) -> Sequence[TaskInstance]:
        """See `TaskLedger.open_tasks`."""
        named = [status.value for status in statuses]
        return await self._tasks(queries.OPEN, {"run": run_id, "statuses": named, "limit": limit})

    async def states(self, run_id: str, task_ids: Sequence[str]) -> RunStates:
        """See `TaskLedger.states`."""
        values = {"tenant": self._tenant, "run": run_id, "tasks": list(task_ids)}
        async with connection(self._pool) as conn:
            rows = await (await conn.execute(queries.STATES, values)).fetchall()
        states = [
            TaskState(row["task_id"], TaskStatus(row["status"]), row["outcome"] or "")
            for row in rows
            if row["task_id"] is not None
        ]
        return RunStates(states, rows[0]["stop"] if rows else "")

    async def tallies(self, run_id: str) -> Sequence[Tally]:
        """See `TaskLedger.tallies`."""
        values = {"tenant": self._tenant, "run": run_id, "some": MOST_NAMED}
        async with connection(self._pool) as conn:
            rows = await (await conn.execute(queries.TALLIES, values)).fetchall()
        return [
            Tally(**row | {"role": TaskRole(row["role"]), "status": TaskStatus(row["status"])})
            for row in rows
        ]

    def _of(self, task_id: str) -> dict[str, object]:
        return {"tenant": self._tenant, "task": prose(task_id)}

    def _ended(
        self, task_ids: Sequence[str], result: TaskResult, at: datetime
    ) -> dict[str, object]:
        return {"tenant": self._tenant, "tasks": task_ids, **values_of(result, at)}

    async def _one(self, query: str, values: Mapping[str, object]) -> DictRow | None:
        async with connection(self._pool) as conn:
            return await (await conn.execute(query, values)).fetchone()

    async def _tasks(self, query: str, values: Mapping[str, object]) -> list[TaskInstance]:
        async with connection(self._pool) as conn:
            cursor = await conn.execute(query, {"tenant": self._tenant, **values})
            return [task_rows.instance(row) async for row in cursor]

    async def _stored(self, conn: Connection, task_id: str) -> TaskInstance:
        row = await (await conn.execute(queries.GET, self._of(task_id))).fetchone()
        return _found(row, task_id)

    async def _locked(self, conn: Connection, run_id: str) -> RunOf:
        values = {"tenant": self._tenant, "run": prose(run_id)}
        row = await (await conn.execute(queries.LOCK_RUN, values)).fetchone()
        if row is None:
            raise NotFoundError("no such run", subject=f"run {run_id}")
        return RunOf(**row)


def _found(row: DictRow | None, task_id: str) -> TaskInstance:
    if row is None:
        raise NotFoundError("no such task", subject=f"task {task_id}")
    return task_rows.instance(row)
