"""The SQL of reading. Columns that order a list are selected under their own names.

What lies in partitions is looked up row by row, by its day: planners cannot know that one partition
is enough, and would read all of them to join.
"""

EVENTS = """
select e.source, e.event_id, e.type, e.subject, e.occurred_at, e.received_at, e.event_key, e.via,
    e.body, r.revision, r.listened, r.counts, r.routed_at,
    case
        when r.listened > 0 then 'routed'
        when r.listened = 0 then 'unmatched'
        when exists (
            select from pending_events p
            where p.tenant = e.tenant and p.event_key = e.event_key) then 'pending'
        else 'buried'
    end as state
from events e
left join lateral (
    select o.revision, o.listened, o.counts, o.routed_at from routings o
    where o.tenant = e.tenant and o.event_key = e.event_key and o.received_at = e.received_at
    limit 1
) r on true
where e.tenant = %(tenant)s
"""
# Of a (source, id) that came again after the horizon, the newest.
EVENT = f"""
select distinct on (source) * from ({EVENTS}
    and hashtextextended(e.event_id, 0) = hashtextextended(%(id)s, 0) and e.event_id = %(id)s
    and (%(source)s::text is null or e.source = %(source)s)
) e order by source, received_at desc
"""  # noqa: S608 - constant parts
_DECISIONS = """
select d.definition_id, d.version, d.outcome, d.reason, d.occurrence_key, d.run_id, d.decided_at,
    d.input_key, d.trace, (
        select array[e.source, e.event_id] from events e
        where e.tenant = d.tenant and e.received_at = d.input_at and e.event_key = d.event_key
    ) as event
from {} d
where d.tenant = %(tenant)s
"""
DECISIONS = _DECISIONS.format("decisions")
DECISIONS_OF_EVENT = f"""{DECISIONS}
    and d.input_at = %(received_at)s and (
        d.input_key = %(input_key)s or d.event_key = %(event_key)s and d.input_key like 'r.%%')
order by d.definition_id, d.decided_at
"""
# Found first: else every partition would get a plan for looking up events of its own.
_OF_RUN = "(select * from decisions where run_id = %(run)s offset 0)"
DECISIONS_OF_RUN = f"{_DECISIONS.format(_OF_RUN)} order by d.decided_at, d.input_key"
RUNS = """
select r.run_id, r.definition_id, r.version, r.occurrence_key, r.trigger, r.status, r.attempt,
    r.scheduled_for, r.fired_at, r.started_at, r.finished_at, r.failure_code, r.failure_message,
    r.gap, r.context_hash, r.rerun_of, r.stop, r.case_id, r.timer,
    (
        select x.workflow_id from attempts a join executions x using (tenant, execution_id)
        where a.tenant = r.tenant and a.run_id = r.run_id and a.attempt = r.attempt
    ) as workflow_id,
    (
        select coalesce(json_agg(
            case when e.event_key is not null
                then json_build_object('source', e.source, 'id', e.event_id) end
            order by n.place), '[]')
        from run_events n
        left join lateral (
            select source, event_id, event_key from events
            where tenant = n.tenant and received_at = n.received_at and event_key = n.event_key
            offset 0
        ) e on true
        where n.tenant = r.tenant and n.run_id = r.run_id
    ) as events,
    array(
        select t.task_id from tasks t where t.tenant = r.tenant and t.run_id = r.run_id
        order by t.rule, t.spec_id, t.item
    ) as tasks_spawned
from runs r where r.tenant = %(tenant)s
"""
RUN = f"{RUNS} and r.run_id = %(run)s".replace(
    "r.context_hash,", "r.context_hash, r.input, r.context_snapshot, r.rules,"
)
_OF_EVENTS = """
exists (
    select from run_events n
    join events e on e.tenant = n.tenant and e.received_at = n.received_at
        and e.event_key = n.event_key
    where n.tenant = r.tenant and n.run_id = r.run_id and {})
"""
RUNS_OF_SOURCE = _OF_EVENTS.format("e.source = %(source)s")
RUNS_OF_EVENT_ID = _OF_EVENTS.format(
    "hashtextextended(e.event_id, 0) = hashtextextended(%(event_id)s, 0)"
    " and e.event_id = %(event_id)s"
)
RUNS_OF_EVENT = """
r.run_id in (
    select n.run_id from run_events n
    where n.tenant = %(tenant)s and n.event_key = %(event_key)s)
"""
TASKS = """
select t.task_id, t.run_id, t.definition_id, t.version, t.rule, t.spec_id, t.item, t.kind, t.title,
    t.status, t.inputs, t.needs, t.assignee, t.groups, t.wait, t.due_at, t.outcome, t.outputs,
    t.error, t.error_type, t.comment, t.completed_by, t.created_at, t.started_at, t.finished_at,
    t.attempts, t.role, t.about, t.late, t.claimed_by, t.revision, t.follow_up_at
from tasks t where t.tenant = %(tenant)s
"""
TASK = f"{TASKS} and t.task_id = %(task)s"
TASKS_OF_RUN = f"{TASKS} and t.run_id = %(run)s order by t.rule, t.spec_id, t.item"
EVENTS_OUT = """
select o.event_id, o.type, o.subject, o.created_at, not exists (
    select from pending_outbox p where p.tenant = o.tenant and p.position = o.position) as sent
from outbox o where o.tenant = %(tenant)s and o.key = %(run)s order by o.position
"""
EMITTER = "select o.key from outbox o where o.tenant = %(tenant)s and o.event_id = %(id)s"
SCHEDULES = """
select c.definition_id, c.since, c.covered_until, c.next_slot, c.wake_at, c.last_slot,
    c.last_outcome, c.last_run_id, r.fired_at
from slot_cursors c left join runs r on r.tenant = c.tenant and r.run_id = c.last_run_id
where c.tenant = %(tenant)s and c.definition_id = any(%(ids)s)
"""
DEAD_LETTERS = """
select l.dead_letter_id, l.via, l.source_id, l.subject, l.run_id, l.definition_id, l.code,
    l.message, l.buried_at,
    l.status, l.resolved_by, l.resolved_at
from dead_letters l where l.tenant = %(tenant)s
"""
# The position as text: what is not a time is text in a cursor.
REFUSALS = """
select r.refused_at, r.position::text as position, r.via, r.sender, r.code, r.message,
    r.event_source, r.event_id, r.event_type, r.dead_letter_id
from refusals r where r.tenant = %(tenant)s
"""
