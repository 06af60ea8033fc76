"""The SQL of the queue of runs."""

SUBMIT = """
with run as (
    insert into runs (tenant, run_id, definition_id, version, occurrence_key, trigger, status,
        input, fired_at, touched_at)
    values (%(tenant)s, %(run)s, %(definition)s, %(version)s, %(occurrence)s, 'manual', 'pending',
        %(input)s, %(at)s, %(at)s)
    on conflict do nothing
    returning run_id
),
decision as (
    insert into decisions (tenant, input_key, input_at, definition_id, version, outcome, reason,
        occurrence_key, run_id, decided_at)
    select %(tenant)s, %(occurrence)s, %(at)s, %(definition)s, %(version)s, 'fired', %(reason)s,
        %(occurrence)s, run_id, %(at)s
    from run
)
insert into pending_runs (tenant, run_id, size)
select %(tenant)s, run_id, %(size)s::int from run
"""
# One look per priority, so that each is a range of the primary key that ends at `at`: of runs whose
# turn is to come none is read. FOR NO KEY UPDATE: a router that records a duplicate of the same
# occurrence need not wait.
PENDING = """
select p.place, r.run_id, r.definition_id, r.version, r.occurrence_key, r.attempt, r.status,
    p.priority, p.size
from (
    select run_id, priority, size, row_number() over () as place from (
        select turn.*
        from generate_series(1, 5) level
        cross join lateral (
            select run_id, priority, size from pending_runs
            where tenant = %(tenant)s and priority = level and start_at <= %(at)s
            order by start_at, position limit %(limit)s for update skip locked
        ) turn
        limit %(limit)s
    ) locked
) p
join runs r on r.tenant = %(tenant)s and r.run_id = p.run_id
order by r.run_id
for no key update of r
"""
EXECUTIONS = """
insert into executions (tenant, execution_id, workflow_id, created_at, lease_until)
select %(tenant)s, e.*, %(at)s, %(until)s
from unnest(%(executions)s::text[], %(workflows)s::text[]) as e
"""
ATTEMPTS = """
insert into attempts (tenant, execution_id, run_id, attempt)
select %(tenant)s, a.*
from unnest(%(executions)s::text[], %(runs)s::text[], %(attempts)s::int[]) as a
"""
TAKE_OFF = """
delete from pending_runs where tenant = %(tenant)s and run_id = any(%(runs)s::text[])
"""
OVERDUE = """
with due as (
    select execution_id from executions
    where tenant = %(tenant)s and lease_until <= %(at)s
    order by lease_until limit %(limit)s for update skip locked
),
leased as (
    update executions e set lease_until = %(until)s
    from due where e.tenant = %(tenant)s and e.execution_id = due.execution_id
    returning e.execution_id, e.workflow_id
)
select l.execution_id, l.workflow_id, array_agg(r.run_id order by r.run_id) as runs,
    array_agg(distinct r.definition_id) as definitions, min(r.priority) as priority,
    array_agg(distinct r.definition_id || '@' || r.version) as versions,
    array_agg(distinct r.occurrence_key) as occurrences
from leased l
join attempts a on a.tenant = %(tenant)s and a.execution_id = l.execution_id
join runs r on r.tenant = a.tenant and r.run_id = a.run_id
group by l.execution_id, l.workflow_id
order by min(r.priority)
"""
STARTED = """
update executions set lease_until = null
where tenant = %(tenant)s and execution_id = any(%(executions)s::text[])
    and lease_until is not null
"""
TASKS = """
select p.position, t.task_id, t.definition_id, t.version, t.rule, t.spec_id
from pending_tasks p join tasks t using (tenant, task_id)
where p.tenant = %(tenant)s order by p.position limit %(limit)s
"""
DROP_TASKS = """
delete from pending_tasks where tenant = %(tenant)s and position = any(%(positions)s::bigint[])
"""
SIGNALS = """
select position, workflow_id, kind from pending_signals
where tenant = %(tenant)s order by position limit %(limit)s
"""
DROP_SIGNALS = """
delete from pending_signals where tenant = %(tenant)s and position = any(%(positions)s::bigint[])
"""
OPEN = """
select r.run_id, r.definition_id, e.workflow_id, r.status
from runs r
join attempts using (tenant, run_id, attempt)
join executions e using (tenant, execution_id)
where r.tenant = %(tenant)s and r.status in ('pending', 'running')
    and r.touched_at < %(since)s and e.lease_until is null
order by r.touched_at, r.run_id limit %(limit)s
"""
# In order of run ids: no two auditors can deadlock, nor an auditor and a runner.
TOUCH = """
with audited as materialized (
    select tenant, run_id from runs
    where tenant = %(tenant)s and run_id = any(%(runs)s::text[])
        and status in ('pending', 'running')
    order by run_id for no key update
)
update runs r set touched_at = %(at)s
from audited a where r.tenant = a.tenant and r.run_id = a.run_id
"""
RESTART = """
update executions e set lease_until = %(at)s
from attempts a join runs r using (tenant, run_id, attempt)
where a.tenant = %(tenant)s and a.run_id = %(run)s and r.status in ('pending', 'running')
    and e.tenant = a.tenant and e.execution_id = a.execution_id
"""
DEPTH = "select count(*) as depth from runs where tenant = %(tenant)s and status = 'pending'"
