"""Runs whose place a later slot takes: closed with their tasks, their workflows told to end."""

from collections.abc import Mapping
from datetime import datetime

from activity_core.adapters.postgres.outbox import post
from activity_core.adapters.postgres.pool import Connection
from activity_core.core.run.announcement import Announcement
from activity_core.core.schedule.settlement import Displacement

_CLOSE = """
with displaced as materialized (
    select run_id from runs
    where tenant = %(tenant)s and run_id = any(%(runs)s::text[])
        and status in ('pending', 'running')
    order by run_id for no key update
)
update runs r set status = 'cancelled', finished_at = %(at)s
from displaced d where r.tenant = %(tenant)s and r.run_id = d.run_id
returning r.run_id
"""
_CANCEL_TASKS = """
update tasks set status = 'cancelled', outcome = 'cancelled', finished_at = %(at)s
where tenant = %(tenant)s and run_id = any(%(runs)s::text[]) and finished_at is null
"""
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


async def displace(
    conn: Connection,
    tenant: str,
    displacement: Displacement,
    told: Mapping[str, Announcement],
    at: datetime,
) -> None:
    """Cancel those of the runs that are still open, and announce it; one round trip."""
    if not told:
        return
    values = {"tenant": tenant, "at": at, "runs": list(told), "kind": displacement.value}
    closed = [row["run_id"] async for row in await conn.execute(_CLOSE, values)]
    if closed:
        values |= {"runs": closed}
        await conn.execute(_CANCEL_TASKS, values)
        await conn.execute(_SIGNAL, values)
        await post(conn, tenant, [told[run_id] for run_id in closed], at)
