"""The SQL of writing what became of due slots."""

# In order of run ids, so that a settler and a backfill cannot deadlock.
RUNS = """
insert into runs (tenant, run_id, definition_id, version, occurrence_key, trigger, status,
    scheduled_for, gap, fired_at, touched_at)
select %(tenant)s, run_id, definition_id, version, occurrence_key, 'schedule', 'pending',
    scheduled_for, gap::json, %(at)s, %(at)s
from unnest(%(runs)s::text[], %(definitions)s::text[], %(versions)s::int[],
    %(occurrences)s::text[], %(slots)s::timestamptz[], %(gaps)s::text[]
) as r (run_id, definition_id, version, occurrence_key, scheduled_for, gap)
order by run_id
on conflict do nothing
returning run_id
"""
QUEUE = """
insert into pending_runs (tenant, run_id, start_at)
select %(tenant)s, run_id, coalesce(start_at, '-infinity')
from unnest(%(runs)s::text[], %(starts)s::timestamptz[])
    with ordinality as r (run_id, start_at, place)
order by place
"""
# No turn is further off than those who wait for theirs: a clock that was ahead for a while, and
# put back, must not keep everybody waiting.
QUEUE_RECOVERY = """
with step as (select make_interval(secs => %(seconds)s) as length),
waiting as (
    select count(*) as number from pending_runs
    where tenant = %(tenant)s and start_at > %(at)s
),
pace as (
    insert into recovery_pace as p (tenant, next_at)
    select %(tenant)s, %(at)s::timestamptz + %(count)s * length from step
    on conflict (tenant) do update
    set next_at = (
        select least(greatest(p.next_at, %(at)s), %(at)s + (number + 1) * length)
            + %(count)s * length
        from step, waiting)
    returning next_at
)
insert into pending_runs (tenant, run_id, start_at)
select %(tenant)s, run_id, next_at - (%(count)s - place + 1) * length
from unnest(%(runs)s::text[]) with ordinality as r (run_id, place), pace, step
order by place
"""
# What was decided stays, but for slots that were only held.
DECISIONS = """
insert into decisions as d (tenant, input_key, input_at, definition_id, version, outcome, reason,
    occurrence_key, run_id, decided_at)
select %(tenant)s, n.input_key, n.slot, n.definition_id, n.version, n.outcome, n.reason,
    n.input_key, n.run_id, %(at)s
from unnest(%(inputs)s::text[], %(slots)s::timestamptz[], %(definitions)s::text[],
    %(versions)s::int[], %(outcomes)s::text[], %(reasons)s::text[], %(runs)s::text[]
) as n (input_key, slot, definition_id, version, outcome, reason, run_id)
on conflict (tenant, input_key, definition_id, input_at) do update
set version = excluded.version, outcome = excluded.outcome, reason = excluded.reason,
    run_id = excluded.run_id, decided_at = excluded.decided_at
where d.outcome = 'held'
"""
FORGET = """
delete from slot_cursors
where tenant = %(tenant)s and definition_id = any(%(definitions)s::text[])
"""
# A held slot may be decided after later ones: of those, the latest is shown.
MOVE = """
update slot_cursors c
set plan = n.plan, covered_until = greatest(c.covered_until, n.covered),
    next_slot = n.next_slot, wake_at = n.wake_at,
    last_slot = case when n.is_latest then n.last_slot else c.last_slot end,
    last_outcome = case when n.is_latest then n.outcome else c.last_outcome end,
    last_run_id = case when n.is_latest then n.run_id else c.last_run_id end
from (
    select m.*, m.last_slot >= coalesce(l.last_slot, m.last_slot) as is_latest
    from unnest(%(definitions)s::text[], %(plans)s::text[], %(covered)s::timestamptz[],
        %(slots)s::timestamptz[], %(wakes)s::timestamptz[], %(last)s::timestamptz[],
        %(outcomes)s::text[], %(runs)s::text[]
    ) as m (definition_id, plan, covered, next_slot, wake_at, last_slot, outcome, run_id)
    join slot_cursors l on l.tenant = %(tenant)s and l.definition_id = m.definition_id
) n
where c.tenant = %(tenant)s and c.definition_id = n.definition_id
"""
