"""The ledger of tasks: begun by attempts, ended once, under the lock of their run."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from psycopg.rows import DictRow

from activity_core.adapters.postgres import task_rows
from activity_core.adapters.postgres.outbox import post
from activity_core.adapters.postgres.pool import Connection, Pool, connection, transaction
from activity_core.adapters.postgres.storable import json_text, prose
from activity_core.core.errors import NotFoundError
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.task import FINAL, TaskInstance, TaskResult, TaskStatus
from activity_core.ports.task_ledger import TaskState

_GET = f"""
select {task_rows.COLUMNS} from tasks t join runs r using (tenant, run_id)
where t.tenant = %(tenant)s and t.task_id = %(task)s
"""  # noqa: S608 - constant parts
# Unconditional, so that an attempt that waited for the task's end sees that end.
_BEGIN = f"""
update tasks t set
    status = case when t.status in ('pending', 'ready') then 'running' else t.status end,
    started_at = case when t.finished_at is null then coalesce(t.started_at, %(at)s)
        else t.started_at end,
    attempts = case when t.finished_at is null then greatest(t.attempts, %(attempt)s)
        else t.attempts end
from runs r
where t.tenant = %(tenant)s and t.task_id = %(task)s and r.tenant = t.tenant and r.run_id = t.run_id
returning {task_rows.COLUMNS}
"""  # noqa: S608 - constant parts
_LOCK_RUN = """
select r.status from runs r
where r.tenant = %(tenant)s and r.run_id = (
    select t.run_id from tasks t where t.tenant = %(tenant)s and t.task_id = %(task)s)
for no key update
"""
_FINISH = """
update tasks set status = %(status)s, outcome = %(outcome)s, outputs = %(outputs)s,
    error = %(error)s, comment = %(comment)s, completed_by = %(by)s, error_type = %(error_type)s,
    wake_at = null, finished_at = %(at)s
where tenant = %(tenant)s and task_id = %(task)s
"""
# Of the run of a human task that is over.
SIGNAL = """
insert into pending_signals (tenant, run_id, workflow_id)
select r.tenant, r.run_id, e.workflow_id
from tasks t
join runs r using (tenant, run_id)
join attempts a using (tenant, run_id, attempt)
join executions e using (tenant, execution_id)
where t.tenant = %(tenant)s and t.task_id = %(task)s and r.status = 'running' and t.kind = 'human'
"""
_READY = """
update tasks set status = 'ready', ready_at = %(at)s
where tenant = %(tenant)s and task_id = any(%(tasks)s::text[]) and status = 'pending'
    and kind = 'human'
"""
_STATES = """
select task_id, status from tasks where tenant = %(tenant)s and run_id = %(run)s order by task_id
"""


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
        values = {"tenant": self._tenant, "task": prose(task_id), "attempt": attempt, "at": at}
        async with connection(self._pool) as conn:
            row = await (await conn.execute(_BEGIN, values)).fetchone()
        return _found(row, task_id)

    async def finish(
        self,
        task_id: str,
        result: TaskResult,
        at: datetime,
        announcements: Sequence[Announcement],
    ) -> TaskInstance:
        """See `TaskLedger.finish`; two round trips."""
        result = replace(result, error=prose(result.error), comment=prose(result.comment))
        values = {
            "tenant": self._tenant,
            "task": prose(task_id),
            "at": at,
            "status": result.status.value,
            "outcome": result.outcome,
            "outputs": json_text(result.outputs),
            "error": result.error,
            "comment": result.comment,
            "by": result.by,
            "error_type": result.error_type,
        }
        async with transaction(self._pool) as conn:
            await conn.execute(_LOCK_RUN, values)
            task = await self._stored(conn, task_id)
            if task.status in FINAL:
                return task
            await conn.execute(_FINISH, values)
            await conn.execute(SIGNAL, values)
            await post(conn, self._tenant, announcements, at)
        return replace(task, status=result.status, result=result)

    async def make_ready(self, task_ids: Sequence[str], at: datetime) -> None:
        """See `TaskLedger.make_ready`."""
        values = {"tenant": self._tenant, "tasks": list(task_ids), "at": at}
        async with connection(self._pool) as conn:
            await conn.execute(_READY, values)

    async def states(self, run_id: str) -> Sequence[TaskState]:
        """See `TaskLedger.states`."""
        async with connection(self._pool) as conn:
            cursor = await conn.execute(_STATES, {"tenant": self._tenant, "run": run_id})
            return [TaskState(row["task_id"], TaskStatus(row["status"])) async for row in cursor]

    async def _stored(self, conn: Connection, task_id: str) -> TaskInstance:
        values = {"tenant": self._tenant, "task": prose(task_id)}
        row = await (await conn.execute(_GET, values)).fetchone()
        return _found(row, task_id)


def _found(row: DictRow | None, task_id: str) -> TaskInstance:
    if row is None:
        raise NotFoundError("no such task", subject=f"task {task_id}")
    return task_rows.instance(row)
