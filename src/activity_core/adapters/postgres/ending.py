"""Runs that end before their time: closed with their tasks, their workflows told to end.

They are locked first, so that whoever ends them knows what there is to announce.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from activity_core.adapters.postgres import task_rows
from activity_core.adapters.postgres.outbox import post
from activity_core.adapters.postgres.pool import Connection
from activity_core.adapters.postgres.storable import prose
from activity_core.adapters.postgres.task_ends import ending, values_of
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.ending import Ending, OpenWork
from activity_core.core.run.task import TaskInstance
from activity_core.ports.run_queue import SignalKind

_LOCK = """
select run_id, definition_id, attempt from runs
where tenant = %(tenant)s and run_id = any(%(runs)s::text[]) and status in ('pending', 'running')
order by run_id for no key update
"""
# A statement of its own, so that it sees what the last holder of the locks did.
_LOCK_TASKS = f"""
select {task_rows.COLUMNS} from tasks t join runs r using (tenant, run_id)
where t.tenant = %(tenant)s and t.run_id = any(%(runs)s::text[]) and t.finished_at is null
order by t.task_id for no key update of t
"""  # noqa: S608 - constant parts
_CLOSE = """
update runs set status = 'cancelled', finished_at = %(at)s, failure_code = %(code)s,
    failure_message = %(message)s
where tenant = %(tenant)s and run_id = any(%(runs)s::text[])
"""
_CANCEL_TASKS = ending("run_id = any(%(runs)s::text[]) and finished_at is null")
# A workflow that carries out other runs as well goes on; it finds this one closed.
_SIGNAL = """
insert into pending_signals (tenant, run_id, workflow_id, kind)
select r.tenant, r.run_id, e.workflow_id, %(kind)s
from runs r
join attempts a using (tenant, run_id, attempt)
join executions e using (tenant, execution_id)
where r.tenant = %(tenant)s and r.run_id = any(%(runs)s::text[])
    and 1 = (
        select count(*) from attempts o
        where o.tenant = a.tenant and o.execution_id = a.execution_id)
order by r.run_id
"""


async def lock_open_work(
    conn: Connection, tenant: str, run_ids: Sequence[str]
) -> Sequence[OpenWork]:
    """See `OpenCursors.open_work`; one round trip."""
    values = {"tenant": tenant, "runs": list(run_ids)}
    runs = await conn.execute(_LOCK, values)
    found = await conn.execute(_LOCK_TASKS, values)
    tasks: defaultdict[str, list[TaskInstance]] = defaultdict(list)
    async for row in found:
        tasks[row["run_id"]].append(task_rows.instance(row))
    return [OpenWork(**row, tasks=tasks[row["run_id"]]) async for row in runs]


async def end_runs(
    conn: Connection,
    tenant: str,
    why: Ending,
    kind: SignalKind,
    told: Mapping[str, Sequence[Announcement]],
    *,
    at: datetime,
) -> None:
    """Cancel these runs, which the caller has locked, with what is open of them; announce it."""
    if not told:
        return
    values = {
        "tenant": tenant,
        "at": at,
        "runs": list(told),
        "kind": kind.value,
        "code": why.failure.code,
        "message": prose(why.failure.message),
        **values_of(why.task, at),
    }
    await conn.execute(_CLOSE, values)
    await conn.execute(_CANCEL_TASKS, values)
    await conn.execute(_SIGNAL, values)
    await post(conn, tenant, [each for news in told.values() for each in news], at)
