"""The SQL of control of runs."""

from activity_core.adapters.postgres.task_ends import ending

HOLD = """
select r.run_id, r.definition_id, r.version, r.attempt, r.status, r.stop,
    r.recorded_at is not null as recorded,
    case when json_typeof(r.context_snapshot -> 'context') = 'object'
        then array(select json_object_keys(r.context_snapshot -> 'context')) end as sources
from runs r where r.tenant = %(tenant)s and r.run_id = %(run)s for no key update
"""
COMPENSATE = """
update runs set stop = 'compensate' where tenant = %(tenant)s and run_id = %(run)s
"""
RING = """
insert into pending_signals (tenant, run_id, workflow_id)
select r.tenant, r.run_id, e.workflow_id
from runs r
join attempts a using (tenant, run_id, attempt)
join executions e using (tenant, execution_id)
where r.tenant = %(tenant)s and r.run_id = %(run)s and r.status = 'running'
"""
SKIP = ending("task_id = %(task)s")
FORGOTTEN = """
select from run_events n left join events e on e.tenant = n.tenant
    and e.received_at = n.received_at and e.event_key = n.event_key
where n.tenant = %(tenant)s and n.run_id = %(run)s and e.event_key is null
limit 1
"""
RERUN = """
insert into runs (tenant, run_id, definition_id, version, occurrence_key, trigger, status, priority,
    scheduled_for, gap, input, traceparent, causation_depth, rerun_of, fired_at, touched_at)
select tenant, %(new)s, definition_id, %(version)s, %(occurrence)s, trigger, 'pending', priority,
    scheduled_for, gap, input, traceparent, causation_depth, run_id, %(at)s, %(at)s
from runs where tenant = %(tenant)s and run_id = %(run)s
on conflict do nothing
returning run_id
"""
SAME_EVENTS = """
insert into run_events (tenant, run_id, event_key, received_at, place, lead, given)
select tenant, %(new)s, event_key, received_at, place, lead, given
from run_events where tenant = %(tenant)s and run_id = %(run)s
"""
SAME_ANSWERS = """
insert into run_context (tenant, run_id, source, data)
select r.tenant, %(new)s, c.key, c.value
from runs r cross join json_each(r.context_snapshot -> 'context') c
where r.tenant = %(tenant)s and r.run_id = %(run)s and c.key = any(%(sources)s::text[])
"""
DECISION = """
insert into decisions (tenant, input_key, input_at, definition_id, version, outcome, reason,
    occurrence_key, run_id, decided_at)
values (%(tenant)s, %(occurrence)s, %(at)s, %(definition)s, %(version)s, 'fired', %(reason)s,
    %(occurrence)s, %(new)s, %(at)s)
"""
QUEUE = """
insert into pending_runs (tenant, run_id, priority, size)
select r.tenant, r.run_id, r.priority, least(2147483647, coalesce(octet_length(r.input::text), 0)
    + coalesce((
        select sum(octet_length(e.body)) from run_events n join events e on e.tenant = n.tenant
            and e.received_at = n.received_at and e.event_key = n.event_key
        where n.tenant = r.tenant and n.run_id = r.run_id), 0))::int
from runs r where r.tenant = %(tenant)s and r.run_id = %(new)s
"""
NOTE = """
insert into run_log (tenant, run_id, action, at, by, reason, about)
values (%(tenant)s, %(run)s, %(action)s, %(at)s, %(by)s, %(reason)s, %(about)s)
"""
LOG = """
select action, at, by, reason, about
from (
    select * from run_log where tenant = %(tenant)s and run_id = %(run)s
    order by position desc limit %(lines)s
) l
order by position
"""
