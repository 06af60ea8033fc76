"""Control of runs: one run locked, and what an operator does to it in one transaction.

Locks are taken in the order run, tasks, outbox.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

from activity_core.adapters.postgres import run_control_queries as queries
from activity_core.adapters.postgres import task_rows
from activity_core.adapters.postgres.ending import end_runs, lock_open_work
from activity_core.adapters.postgres.outbox import post
from activity_core.adapters.postgres.pool import Connection, Pool, transaction
from activity_core.adapters.postgres.reopening import reopen
from activity_core.adapters.postgres.storable import prose
from activity_core.adapters.postgres.task_ends import values_of
from activity_core.core import ids
from activity_core.core.errors import ConflictError, NotFoundError
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.ending import Ending, OpenWork
from activity_core.core.run.run import PendingRun, RunStatus
from activity_core.core.run.task import TaskInstance, TaskResult
from activity_core.ports.run_control import HeldRun, Rerun, RunLine, RunStanding
from activity_core.ports.run_queue import SignalKind, Submission

_TASK = f"""
select {task_rows.COLUMNS} from tasks t join runs r using (tenant, run_id)
where t.tenant = %(tenant)s and t.run_id = %(run)s and t.task_id = %(task)s
for no key update of t
"""  # noqa: S608 - constant parts


class PostgresRunControl:
    """See `ports.run_control.RunControl`."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    def hold(self, run_id: str) -> AbstractAsyncContextManager[HeldRun]:
        """See `RunControl.hold`."""
        return self._hold(run_id)

    @asynccontextmanager
    async def _hold(self, run_id: str) -> AsyncIterator[HeldRun]:
        values = {"tenant": self._tenant, "run": prose(run_id)}
        async with transaction(self._pool) as conn:
            row = await (await conn.execute(queries.HOLD, values)).fetchone()
            if row is None:
                raise NotFoundError("no such run", subject=f"run {run_id}")
            run = RunStanding(**row | {"status": RunStatus(row["status"])})
            yield PostgresHeldRun(conn, self._tenant, run)


class PostgresHeldRun:
    """See `ports.run_control.HeldRun`."""

    def __init__(self, conn: Connection, tenant: str, run: RunStanding) -> None:
        self._conn = conn
        self._tenant = tenant
        self._values = {"tenant": tenant, "run": run.run_id}
        self.run = run

    async def work(self) -> OpenWork:
        """See `HeldRun.work`."""
        [work] = await lock_open_work(self._conn, self._tenant, [self.run.run_id])
        return work

    async def task(self, task_id: str) -> TaskInstance:
        """See `HeldRun.task`."""
        cursor = await self._conn.execute(_TASK, self._values | {"task": prose(task_id)})
        row = await cursor.fetchone()
        if row is None:
            raise NotFoundError("no such task", subject=f"task {task_id}")
        return task_rows.instance(row)

    async def end(
        self, ending: Ending, kind: SignalKind, told: Sequence[Announcement], at: datetime
    ) -> None:
        """See `HeldRun.end`."""
        await end_runs(self._conn, self._tenant, ending, kind, {self.run.run_id: told}, at=at)

    async def compensate(self) -> None:
        """See `HeldRun.compensate`."""
        await self._conn.execute(queries.COMPENSATE, self._values)
        await self._conn.execute(queries.RING, self._values)

    async def retry(self, at: datetime) -> PendingRun:
        """See `HeldRun.retry`."""
        return await reopen(self._conn, self._tenant, self.run.run_id, at)

    async def skip(
        self, task_id: str, result: TaskResult, told: Sequence[Announcement], at: datetime
    ) -> None:
        """See `HeldRun.skip`."""
        values = self._values | {"task": task_id} | values_of(result, at)
        await self._conn.execute(queries.SKIP, values)
        await self._conn.execute(queries.RING, self._values)
        await post(self._conn, self._tenant, told, at)

    async def rerun(self, wanted: Rerun, at: datetime) -> Submission:
        """See `HeldRun.rerun`."""
        new = ids.run_id(self._tenant, self.run.definition_id, wanted.occurrence_key)
        values = self._values | {
            "new": new,
            "definition": self.run.definition_id,
            "version": wanted.version,
            "occurrence": wanted.occurrence_key,
            "reason": prose(wanted.reason),
            "sources": list(wanted.sources),
            "at": at,
        }
        forgotten = await self._conn.execute(queries.FORGOTTEN, values)
        if await forgotten.fetchone() is not None:
            subject = f"run {self.run.run_id}"
            raise ConflictError("its events are gone: retention is over", subject=subject)
        made = await self._conn.execute(queries.RERUN, values)
        if await made.fetchone() is None:
            return Submission(new, created=False)
        for query in (queries.SAME_EVENTS, queries.SAME_ANSWERS, queries.DECISION, queries.QUEUE):
            await self._conn.execute(query, values)
        return Submission(new, created=True)

    async def note(self, line: RunLine, at: datetime) -> None:
        """See `HeldRun.note`."""
        values = self._values | {
            "action": line.action.value,
            "by": prose(line.by),
            "reason": prose(line.reason),
            "about": line.about,
            "at": at,
        }
        await self._conn.execute(queries.NOTE, values)
