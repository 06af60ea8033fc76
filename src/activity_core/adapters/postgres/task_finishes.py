"""Tasks that end at the same time, each in its own way: one transaction for all of them.

Called by the ledger of tasks. The locks of their runs come first, in order; what is written then
waits for nobody, and travels with the commit.
"""

from collections.abc import Sequence
from dataclasses import replace

from activity_core.adapters.postgres import task_ledger_queries as queries
from activity_core.adapters.postgres import task_rows
from activity_core.adapters.postgres.outbox import post
from activity_core.adapters.postgres.pool import Connection
from activity_core.adapters.postgres.storable import prose
from activity_core.adapters.postgres.task_ends import values_of
from activity_core.core.errors import NotFoundError
from activity_core.core.rules.task_spec import TaskKind, TaskRole
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.task import FINAL, TaskInstance, TaskStatus
from activity_core.ports.task_ledger import Finish

_LOCK_RUNS = """
select from runs r
where r.tenant = %(tenant)s and r.run_id = any(array(
    select t.run_id from tasks t
    where t.tenant = %(tenant)s and t.task_id = any(%(tasks)s::text[])))
order by r.run_id for no key update
"""


async def finish_all(
    conn: Connection, tenant: str, finishes: Sequence[Finish]
) -> list[TaskInstance]:
    """See `TaskLedger.finish_all`; inside a transaction.

    Raises:
        NotFoundError: one of them is not there.
    """
    ids = [prose(each.task_id) for finish in finishes for each in finish.all]
    asked = {"tenant": tenant, "tasks": ids}
    await conn.execute(_LOCK_RUNS, asked)
    rows = await conn.execute(queries.SOME, asked)
    tasks = {row["task_id"]: task_rows.instance(row) async for row in rows}
    said: list[Announcement] = []
    for finish in finishes:
        for each in finish.all:
            task = tasks.get(prose(each.task_id))
            if task is None:
                raise NotFoundError("no such task", subject=f"task {each.task_id}")
            if task.status in FINAL:
                break
            tasks[task.task_id] = await _finish(conn, tenant, task, each)
            said += each.announcements
    if said:
        await post(conn, tenant, said, max(finish.at for finish in finishes))
    return [tasks[prose(finish.task_id)] for finish in finishes]


async def _finish(
    conn: Connection, tenant: str, task: TaskInstance, finish: Finish
) -> TaskInstance:
    result, about = finish.result, {"tenant": tenant, "task": task.task_id}
    result = replace(result, error=prose(result.error), comment=prose(result.comment))
    values = values_of(result, finish.at)
    await conn.execute(queries.FINISH, values | about | {"tasks": [task.task_id]})
    if task.role is TaskRole.COMPENSATION and result.status is TaskStatus.COMPLETED:
        await conn.execute(queries.UNDONE, about | {"about": task.about})
    if finish.ring:
        await conn.execute(queries.SIGNAL, about)
    return replace(
        task,
        status=result.status,
        result=result,
        revision=task.revision + (task.kind is TaskKind.HUMAN),
        clock=replace(task.clock, wake_at=None),
        finished_at=finish.at,
    )
