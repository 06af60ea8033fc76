"""The SQL of the ledger of tasks. Most of it runs after `LOCK_RUN` or `LOCK_RUN_OF`."""

from activity_core.adapters.postgres import task_rows
from activity_core.adapters.postgres.task_ends import ending

GET = f"""
select {task_rows.COLUMNS} from tasks t join runs r using (tenant, run_id)
where t.tenant = %(tenant)s and t.task_id = %(task)s
"""  # noqa: S608 - constant parts
GROUP = f"""
select {task_rows.COLUMNS}
from (
    select * from tasks
    where tenant = %(tenant)s and run_id = %(run)s and rule = %(rule)s and item = %(item)s offset 0
) t
join runs r using (tenant, run_id)
order by t.task_id
"""  # noqa: S608 - constant parts
OPEN = f"""
select {task_rows.COLUMNS} from tasks t join runs r using (tenant, run_id)
where t.tenant = %(tenant)s and t.run_id = %(run)s and t.status = any(%(statuses)s::text[])
order by t.rule, t.item limit %(limit)s
"""  # noqa: S608 - constant parts
SOME = f"""
select {task_rows.COLUMNS} from tasks t join runs r using (tenant, run_id)
where t.tenant = %(tenant)s and t.task_id = any(%(tasks)s::text[])
order by t.task_id
"""  # noqa: S608 - constant parts

LOCK_RUN = """
select run_id, definition_id, version from runs
where tenant = %(tenant)s and run_id = %(run)s for no key update
"""
LOCK_RUN_OF = """
select r.status from runs r
where r.tenant = %(tenant)s and r.run_id = (
    select t.run_id from tasks t where t.tenant = %(tenant)s and t.task_id = %(task)s)
for no key update
"""

# Unconditional, so that an attempt that waited for the task's end sees that end.
BEGIN = f"""
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
# Another attempt that asked the other side as well does not make it wait longer.
WAIT = f"""
update tasks t set waits_until = coalesce(t.waits_until, %(until)s)
from runs r
where t.tenant = %(tenant)s and t.task_id = %(task)s and r.tenant = t.tenant and r.run_id = t.run_id
returning {task_rows.COLUMNS}
"""  # noqa: S608 - constant parts
RENDER = f"""
update tasks t set title = %(title)s, inputs = %(inputs)s, assignee = %(assignee)s,
    groups = %(groups)s::text[], due_at = %(due)s, follow_up_at = %(follow_up)s,
    wake_at = %(wake)s, late = false
from runs r
where t.tenant = %(tenant)s and t.task_id = %(task)s and t.late and t.finished_at is null
    and r.tenant = t.tenant and r.run_id = t.run_id
returning {task_rows.COLUMNS}
"""  # noqa: S608 - constant parts
FINISH = ending("task_id = any(%(tasks)s::text[]) and finished_at is null")
UNDONE = """
update tasks set status = 'compensated'
where tenant = %(tenant)s and task_id = %(about)s and status = 'completed'
"""
READY = """
update tasks t set status = 'ready', ready_at = %(at)s, due_at = c.due_at,
    follow_up_at = c.follow_up_at, wake_at = c.wake_at
from unnest(%(tasks)s::text[], %(due)s::timestamptz[], %(follow_ups)s::timestamptz[],
    %(wakes)s::timestamptz[]) as c (task_id, due_at, follow_up_at, wake_at)
where t.tenant = %(tenant)s and t.task_id = c.task_id and t.status = 'pending' and t.kind = 'human'
"""
# Of the run of a task that ended, unless that is over.
SIGNAL = """
insert into pending_signals (tenant, run_id, workflow_id)
select r.tenant, r.run_id, e.workflow_id
from tasks t
join runs r using (tenant, run_id)
join attempts a using (tenant, run_id, attempt)
join executions e using (tenant, execution_id)
where t.tenant = %(tenant)s and t.task_id = %(task)s and r.status = 'running'
"""

STATES = """
select r.stop, t.task_id, t.status, t.outcome
from runs r
left join tasks t on t.tenant = r.tenant and t.run_id = r.run_id
    and t.task_id = any(%(tasks)s::text[])
where r.tenant = %(tenant)s and r.run_id = %(run)s
order by t.task_id
"""
_STOPS = "(select stop <> '' from runs where tenant = %(tenant)s and run_id = %(run)s)"
# In the order of the index, so that it reads no further than to the last group it wants. Groups are
# looked up one by one: planners that have not seen the tasks yet would read them all for each. What
# is left of a group is said in `TaskLedger.window`.
WINDOW = f"""
with candidate as (
    select t.rule, t.item, count(*) as tasks
    from tasks t
    where t.tenant = %(tenant)s and t.run_id = %(run)s
        and (t.rule, t.item) > (%(rule)s, %(item)s) and t.role <> 'notification'
    group by t.rule, t.item
    having bool_or(t.finished_at is null and t.role <> 'help'
            and (t.kind <> 'human' or t.status = 'pending' or t.wait or {_STOPS}))
        or (bool_or(t.status in ('failed', 'expired')) or {_STOPS})
            and bool_or(t.status = 'completed' and t.undo) and not bool_or(t.role = 'compensation')
    order by t.rule, t.item
    limit %(limit)s
),
chosen as (
    select rule, item, sum(tasks) over (order by rule, item) - tasks as before from candidate
)
select {task_rows.COLUMNS}
from chosen c
cross join lateral (
    select * from tasks
    where tenant = %(tenant)s and run_id = %(run)s and rule = c.rule and item = c.item
        and role <> 'notification'
    offset 0
) t
join runs r on r.tenant = %(tenant)s and r.run_id = %(run)s
where c.before < %(limit)s
order by t.rule, t.item, t.task_id
"""  # noqa: S608 - constant parts
TALLIES = """
select t.rule, t.spec_id, t.role, t.status, t.outcome, u.undone, count(*)::int as count,
    (array_agg(t.task_id order by t.item))[:%(some)s] as some
from tasks t
cross join lateral (
    select exists (
        select from tasks c
        where c.tenant = t.tenant and c.run_id = t.run_id and c.rule = t.rule and c.item = t.item
            and c.role = 'compensation') as undone
) u
where t.tenant = %(tenant)s and t.run_id = %(run)s and t.role in ('task', 'compensation')
    and t.status in ('failed', 'expired', 'compensated')
group by t.rule, t.spec_id, t.role, t.status, t.outcome, u.undone
order by t.rule, t.spec_id, t.role, t.status, t.outcome, u.undone
"""
