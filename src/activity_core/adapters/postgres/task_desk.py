"""The desk of human tasks: a task and its group under the lock of their run."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

from psycopg.rows import DictRow

from activity_core.adapters.postgres import task_rows
from activity_core.adapters.postgres.new_tasks import insert_waiting
from activity_core.adapters.postgres.outbox import post
from activity_core.adapters.postgres.pool import Connection, Pool, connection, transaction
from activity_core.adapters.postgres.storable import json_text, prose
from activity_core.adapters.postgres.task_ledger_queries import SIGNAL
from activity_core.core.errors import NotFoundError
from activity_core.core.human.log import Action, LogEntry
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.task import FINAL, NewTask, TaskInstance
from activity_core.ports.task_desk import MOST_LINES, OpenTask

_LOCK_RUN = """
select from runs r
where r.tenant = %(tenant)s and r.run_id = (
    select t.run_id from tasks t where t.tenant = %(tenant)s and t.task_id = %(task)s)
for no key update
"""
# What makes tasks ready, or renders their words, does without the lock of the run.
_LOCK_TASK = """
select from tasks where tenant = %(tenant)s and task_id = %(task)s for no key update
"""
# Step by step: a plan made while there are few runs would look at all of them for ever.
_GROUP = f"""
select {task_rows.COLUMNS}
from (
    select tenant, run_id, rule, item from tasks
    where tenant = %(tenant)s and task_id = %(task)s offset 0
) m
cross join lateral (
    select * from tasks
    where tenant = m.tenant and run_id = m.run_id and rule collate "C" = m.rule collate "C"
        and item = m.item
    offset 0
) t
cross join lateral (
    select traceparent, causation_depth, attempt from runs
    where tenant = m.tenant and run_id = m.run_id offset 0
) r
order by t.task_id
"""  # noqa: S608 - constant parts
_WRITE = """
update tasks set status = %(status)s, assignee = %(assignee)s, groups = %(groups)s::text[],
    claimed_by = %(claimed_by)s, revision = %(revision)s, due_at = %(due)s,
    follow_up_at = %(follow_up)s, wake_at = %(wake)s, step = %(step)s, outcome = %(outcome)s,
    outputs = %(outputs)s, error = %(error)s, comment = %(comment)s, completed_by = %(by)s,
    error_type = %(error_type)s,
    finished_at = case when %(final)s then coalesce(finished_at, %(at)s::timestamptz) end
where tenant = %(tenant)s and task_id = %(task)s
"""
_LOG = """
insert into task_log (tenant, task_id, action, at, by, via, comment, data)
values (%(tenant)s, %(task)s, %(action)s, %(at)s, %(by)s, %(via)s, %(comment)s, %(data)s)
"""
_LINES = """
select l.action, l.at, l.by, l.via, l.comment, l.data
from tasks t
left join lateral (
    select * from task_log where tenant = t.tenant and task_id = t.task_id
    order by position desc limit %(limit)s
) l on true
where t.tenant = %(tenant)s and t.task_id = %(task)s
order by l.position
"""
_DUE = """
select task_id from tasks where tenant = %(tenant)s and wake_at <= %(at)s
order by wake_at, task_id limit %(limit)s
"""
_PUT_OFF = """
update tasks set wake_at = %(until)s
where tenant = %(tenant)s and task_id = %(task)s and wake_at <= %(at)s
"""


class PostgresOpenTask:
    """See `ports.task_desk.OpenTask`."""

    def __init__(
        self,
        conn: Connection,
        tenant: str,
        group: Mapping[str, TaskInstance],
        task_id: str,
    ) -> None:
        self._conn = conn
        self._tenant = tenant
        self.task = group[task_id]
        self.group = tuple(group.values())

    async def write(
        self,
        task: TaskInstance,
        entry: LogEntry,
        announcements: Sequence[Announcement],
        *,
        added: Sequence[NewTask] = (),
    ) -> None:
        """See `OpenTask.write`; it travels with the commit."""
        key = {"tenant": self._tenant, "task": self.task.task_id, "at": entry.at}
        await self._conn.execute(_WRITE, key | _state(task))
        await self._conn.execute(_LOG, key | _line(entry))
        if task.status in FINAL and self.task.status not in FINAL:
            await self._conn.execute(SIGNAL, key)
        await insert_waiting(self._conn, self._tenant, [(task, new) for new in added], entry.at)
        await post(self._conn, self._tenant, announcements, entry.at)


class PostgresTaskDesk:
    """See `ports.task_desk.TaskDesk`."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    def open(self, task_id: str) -> AbstractAsyncContextManager[OpenTask]:
        """See `TaskDesk.open`; one round trip."""
        return self._open(prose(task_id))

    @asynccontextmanager
    async def _open(self, task_id: str) -> AsyncIterator[OpenTask]:
        values = {"tenant": self._tenant, "task": task_id}
        async with transaction(self._pool) as conn:
            locked = await conn.execute(_LOCK_RUN, values)
            await conn.execute(_LOCK_TASK, values)
            found = await conn.execute(_GROUP, values)
            group = {row["task_id"]: task_rows.instance(row) async for row in found}
            if await locked.fetchone() is None:
                raise _unknown(task_id)
            yield PostgresOpenTask(conn, self._tenant, group, task_id)

    async def log(self, task_id: str, limit: int = MOST_LINES) -> Sequence[LogEntry]:
        """See `TaskDesk.log`."""
        values = {"tenant": self._tenant, "task": prose(task_id), "limit": limit}
        async with connection(self._pool) as conn:
            rows = await (await conn.execute(_LINES, values)).fetchall()
        if not rows:
            raise _unknown(task_id)
        return [_entry(row) for row in rows if row["action"]]

    async def due(self, limit: int, at: datetime) -> Sequence[str]:
        """See `TaskDesk.due`."""
        values = {"tenant": self._tenant, "at": at, "limit": limit}
        async with connection(self._pool) as conn:
            return [row["task_id"] async for row in await conn.execute(_DUE, values)]

    async def put_off(self, task_id: str, at: datetime, until: datetime) -> None:
        """See `TaskDesk.put_off`."""
        values = {"tenant": self._tenant, "task": prose(task_id), "at": at, "until": until}
        async with connection(self._pool) as conn:
            await conn.execute(_PUT_OFF, values)


def _state(task: TaskInstance) -> dict[str, object]:
    result, clock = task.result, task.clock
    return {
        "status": task.status.value,
        "assignee": task.assignee,
        "groups": list(task.groups),
        "claimed_by": task.claimed_by,
        "revision": task.revision,
        "due": clock.due_at,
        "follow_up": clock.follow_up_at,
        "wake": clock.wake_at,
        "step": clock.step,
        "outcome": result.outcome if result else None,
        "outputs": json_text(result.outputs) if result else None,
        "error": prose(result.error) if result else "",
        "comment": prose(result.comment) if result else "",
        "by": result.by if result else "",
        "error_type": result.error_type if result else "",
        "final": task.status in FINAL,
    }


def _line(entry: LogEntry) -> dict[str, object]:
    return {
        "action": entry.action.value,
        "by": entry.by,
        "via": entry.via,
        "comment": prose(entry.comment),
        "data": json_text(entry.data) if entry.data else None,
    }


def _entry(row: DictRow) -> LogEntry:
    return LogEntry(
        action=Action(row["action"]),
        at=row["at"],
        by=row["by"],
        via=row["via"],
        comment=row["comment"],
        data=row["data"] or {},
    )


def _unknown(task_id: str) -> NotFoundError:
    return NotFoundError("no such task", subject=f"task {task_id}")
