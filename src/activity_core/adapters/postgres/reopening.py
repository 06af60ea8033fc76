"""An operator's retry: a failed run is put back into the queue as its next attempt."""

from datetime import datetime

from activity_core.adapters.postgres.case_queue import queue_for_cases
from activity_core.adapters.postgres.pool import Connection
from activity_core.core.errors import ConflictError
from activity_core.core.run.run import PendingRun

_STANDING = """
select r.definition_id, r.version, r.occurrence_key, r.attempt, r.priority, k.key, exists (
    select from tasks t where t.tenant = r.tenant and t.run_id = r.run_id) as has_tasks, exists (
    select from run_events n left join events e on e.tenant = n.tenant
        and e.received_at = n.received_at and e.event_key = n.event_key
    where n.tenant = r.tenant and n.run_id = r.run_id and e.event_key is null) as is_forgotten
from runs r left join cases k using (tenant, case_id)
where r.tenant = %(tenant)s and r.run_id = %(run)s
"""
_REOPEN = """
update runs set status = 'pending', attempt = attempt + 1, touched_at = %(at)s,
    finished_at = null, failure_code = null, failure_message = null
where tenant = %(tenant)s and run_id = %(run)s
"""
# Alone in its execution, so nobody asks for its size.
_QUEUE = """
insert into pending_runs (tenant, run_id, priority)
values (%(tenant)s, %(run)s, %(priority)s) on conflict do nothing
"""
# What was not wanted stays so; what was given up is wanted again. A group that was compensated does
# not begin again: only the compensations themselves do, if they failed.
_TASKS = """
update tasks t set status = 'pending', outcome = null, outputs = null, error = '', error_type = '',
    comment = '', completed_by = '', claimed_by = null, attempts = 0, step = 0, ready_at = null,
    started_at = null, finished_at = null, waits_until = null
where t.tenant = %(tenant)s and t.run_id = %(run)s and t.role in ('task', 'compensation')
    and (t.status in ('failed', 'cancelled') or t.status = 'skipped' and t.outcome <> 'not_wanted'
        or t.status = 'expired' and t.outcome = 'expired')
    and (t.role = 'compensation' or not exists (
        select from tasks c where c.tenant = t.tenant and c.run_id = t.run_id and c.rule = t.rule
            and c.item = t.item and c.role = 'compensation'))
"""
_FORGET = """
update runs set recorded_at = null, context_snapshot = null, context_hash = null, rules = null
where tenant = %(tenant)s and run_id = %(run)s
"""
_FORGET_GATHERED = "delete from run_context where tenant = %(tenant)s and run_id = %(run)s"


async def reopen(conn: Connection, tenant: str, run_id: str, at: datetime) -> PendingRun:
    """Reopen a failed run, which the caller has locked; see `HeldRun.retry`.

    Raises:
        ConflictError: it has to read events whose retention is over.
    """
    values = {"tenant": tenant, "run": run_id, "at": at}
    [row] = await (await conn.execute(_STANDING, values)).fetchall()
    if row["is_forgotten"] and not row["has_tasks"]:
        raise ConflictError("its events are gone: retention is over", subject=f"run {run_id}")
    await conn.execute(_REOPEN, values)
    if row["has_tasks"] or row["key"] is None:
        await conn.execute(_QUEUE, values | {"priority": row["priority"]})
    else:  # it is decided anew, over the state as its case has it then
        await queue_for_cases(conn, tenant, {run_id: (row["definition_id"], row["key"])})
    if row["has_tasks"]:
        await conn.execute(_TASKS, values)
    else:
        await conn.execute(_FORGET, values)
        await conn.execute(_FORGET_GATHERED, values)
    return PendingRun(
        run_id,
        row["definition_id"],
        row["version"],
        row["occurrence_key"],
        row["attempt"] + 1,
        row["priority"],
    )
