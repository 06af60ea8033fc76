"""The SQL of event replays."""

REQUEST = """
insert into event_replays (tenant, replay_id, definition_id, since, until, rate, actor, reason,
    reached_at, next_at, requested_at)
values (%(tenant)s, %(replay)s, %(definition)s, %(since)s, %(until)s, %(rate)s, %(actor)s,
    %(reason)s, %(since)s, %(at)s, %(at)s)
on conflict do nothing
returning replay_id
"""
DUE = """
select * from event_replays
where tenant = %(tenant)s and status = 'running' and next_at <= %(at)s
order by next_at, replay_id
"""
LOCK = """
select * from event_replays
where tenant = %(tenant)s and replay_id = %(replay)s and status = 'running' and next_at <= %(at)s
for update skip locked
"""
# Waits: what the replay of the definition is about to write must be seen.
LOCK_DEFINITION = """
select from event_replays
where tenant = %(tenant)s and definition_id = %(definition)s and status = 'running' for update
"""
# Up to `scan` events of any type are passed over, so that a page takes its time whatever they are;
# then the first one that still waits for the router ends it.
PAGE = """
with scanned as (
    select e.received_at, e.event_key, (
            select true from pending_events p
            where p.tenant = e.tenant and p.event_key = e.event_key limit 1
        ) as pending, e.type = any(%(exact)s::text[]) or exists (
            select from unnest(%(prefixes)s::text[]) as prefix
            where starts_with(e.type, prefix) and length(e.type) > length(prefix)
        ) as heard
    from events e
    where e.tenant = %(tenant)s and e.received_at >= %(after)s and e.received_at <= %(until)s
        and (e.received_at, e.event_key) > (%(after)s, %(after_key)b)
    order by e.received_at, e.event_key limit %(scan)s
),
waiting as (
    select received_at, event_key from scanned where pending
    order by received_at, event_key limit 1
),
routed as (
    select s.received_at, s.event_key, s.heard from scanned s
    where not exists (
        select from waiting w
        where (w.received_at, w.event_key) <= (s.received_at, s.event_key)
    )
),
heard as (
    select received_at, event_key from routed where heard
    order by received_at, event_key limit %(limit)s
)
select h.received_at, h.event_key, e.source, e.event_id, e.type, e.body,
    l.received_at as last_at, l.event_key as last_key,
    (select count(*) from scanned) as scanned, (select count(*) from routed) as routed
from (values (1)) as one
left join lateral (
    select received_at, event_key from routed order by received_at desc, event_key desc limit 1
) l on true
left join heard h on true
left join lateral (
    select source, event_id, type, body from events
    where tenant = %(tenant)s and received_at = h.received_at and event_key = h.event_key offset 0
) e on true
order by h.received_at, h.event_key
"""
ONE_EVENT = """
select e.received_at, e.event_key, e.source, e.event_id, e.type, e.body
from event_keys k join events e on e.tenant = k.tenant and e.received_at = k.received_at
    and e.event_key = k.event_key
where k.tenant = %(tenant)s and k.event_key = %(key)b
"""
# By its own decision, by that of another replay, or as one of several events of a run. `limit`:
# look each event up, whatever the planner believes of tables that it saw empty.
EXISTING = """
select w.event_key
from unnest(%(keys)b::bytea[], %(inputs)s::text[], %(times)s::timestamptz[])
    as w (event_key, input_key, received_at)
cross join lateral (
    (
        select 1 from decisions d
        where d.tenant = %(tenant)s and d.input_key = w.input_key
            and d.definition_id = %(definition)s and d.input_at = w.received_at
            and (d.run_id is not null or d.outcome = 'held')
        limit 1
    )
    union all
    (
        select 1 from decisions d
        where d.tenant = %(tenant)s and d.event_key = w.event_key
            and d.definition_id = %(definition)s and d.input_at = w.received_at
            and d.input_key like 'r.%%' and (d.run_id is not null or d.outcome = 'held')
        limit 1
    )
    union all
    (
        select 1 from run_events x join runs r on r.tenant = x.tenant and r.run_id = x.run_id
        where x.tenant = %(tenant)s and x.event_key = w.event_key
            and r.definition_id = %(definition)s
        limit 1
    )
    limit 1
) found
"""
ADVANCE = """
update event_replays
set reached_at = %(reached_at)s, reached_key = %(reached_key)b, next_at = %(next_at)s,
    looked_at = looked_at + %(looked_at)s, existing = existing + %(existing)s,
    matched = matched + %(matched)s, fired = fired + %(fired)s,
    status = case when %(over)s then 'completed' else status end,
    finished_at = case when %(over)s then %(at)s::timestamptz end
where tenant = %(tenant)s and replay_id = %(replay)s
"""
STOP = """
update event_replays set status = 'stopped', finished_at = %(at)s
where tenant = %(tenant)s and replay_id = %(replay)s and status = 'running'
"""
_PROGRESS = """
select * from event_replays where tenant = %(tenant)s and {condition}
order by requested_at desc, replay_id desc limit %(limit)s
"""
ONE = _PROGRESS.format(condition="replay_id = %(replay)s")
RECENT = _PROGRESS.format(condition="true")
RECENT_OF_DEFINITION = _PROGRESS.format(condition="definition_id = %(definition)s")
