"""The SQL of backfills."""

EXISTING = """
select occurrence, coalesce(r.run_id, d.run_id) as run_id
from unnest(%(slots)s::timestamptz[], %(occurrences)s::text[]) as w (slot, occurrence)
left join runs r on r.tenant = %(tenant)s and r.definition_id = %(definition)s
    and r.occurrence_key = w.occurrence
left join lateral (
    select run_id from decisions
    where tenant = %(tenant)s and input_key = w.occurrence and definition_id = %(definition)s
        and input_at = w.slot offset 0
) d on true
where coalesce(r.run_id, d.run_id) is not null
"""
REQUEST = """
insert into backfills (tenant, backfill_id, definition_id, first, last, turns, max_concurrent,
    actor, reason, requested_at)
values (%(tenant)s, %(backfill)s, %(definition)s, %(first)s, %(last)s, %(turns)s,
    %(max_concurrent)s, %(actor)s, %(reason)s, %(at)s)
on conflict do nothing
returning backfill_id
"""
SLOTS = """
insert into backfill_slots (tenant, backfill_id, position, slot, run_id, existing)
select %(tenant)s, %(backfill)s, w.position, w.slot, coalesce(r.run_id, d.run_id),
    coalesce(r.run_id, d.run_id) is not null
from unnest(%(slots)s::timestamptz[], %(occurrences)s::text[])
    with ordinality as w (slot, occurrence, position)
left join runs r on r.tenant = %(tenant)s and r.definition_id = %(definition)s
    and r.occurrence_key = w.occurrence
left join lateral (
    select run_id from decisions
    where tenant = %(tenant)s and input_key = w.occurrence and definition_id = %(definition)s
        and input_at = w.slot offset 0
) d on true
"""
RUNNING = """
select distinct definition_id from backfills where tenant = %(tenant)s and status = 'running'
"""
# A statement of its own: what is read after it is as the one who held the lock before left it.
LOCK = """
select backfill_id from backfills
where tenant = %(tenant)s and status = 'running'
order by backfill_id for update skip locked
"""
# `next`: whose turn it would be if no run were open. The status is asked slot by slot, so that the
# plan never begins with all open runs there are.
RELEASABLE = """
select b.backfill_id, b.definition_id, b.max_concurrent, b.actor, b.reason,
    (
        select count(*) from backfill_slots s
        where s.tenant = %(tenant)s and s.backfill_id = b.backfill_id and not s.existing
            and (select r.status from runs r where r.tenant = s.tenant and r.run_id = s.run_id)
                in ('pending', 'running')
    ) as busy,
    array(
        select slot from backfill_slots s
        where s.tenant = %(tenant)s and s.backfill_id = b.backfill_id and s.run_id is null
        order by position limit b.max_concurrent
    ) as next
from backfills b
where b.tenant = %(tenant)s and b.backfill_id = any(%(locked)s::text[])
order by b.backfill_id
"""
# In order of run ids, as the router does: nobody can deadlock over the same occurrences. A run
# that is there already, or a decision that names one, makes the slot an existing one.
RELEASE = """
with wanted as (
    select * from unnest(%(backfills)s::text[], %(definitions)s::text[], %(versions)s::int[],
        %(slots)s::timestamptz[], %(inputs)s::text[], %(occurrences)s::text[], %(runs)s::text[],
        %(reasons)s::text[]) with ordinality
        as w (backfill_id, definition_id, version, slot, input_key, occurrence_key, run_id, reason,
            place)
),
named as (
    select w.place, d.run_id
    from wanted w
    cross join lateral (
        select run_id from decisions
        where tenant = %(tenant)s and input_key = w.occurrence_key
            and definition_id = w.definition_id and input_at = w.slot offset 0
    ) d
    where d.run_id is not null
),
made as (
    insert into runs (tenant, run_id, definition_id, version, occurrence_key, trigger, status,
        scheduled_for, fired_at, touched_at)
    select %(tenant)s, run_id, definition_id, version, occurrence_key, 'backfill', 'pending', slot,
        %(at)s, %(at)s
    from wanted where place not in (select place from named)
    order by run_id
    on conflict do nothing
    returning run_id
),
decided as (
    insert into decisions (tenant, input_key, input_at, definition_id, version, outcome, reason,
        occurrence_key, run_id, decided_at)
    select %(tenant)s, input_key, slot, definition_id, version, 'fired', reason, occurrence_key,
        run_id, %(at)s
    from wanted join made using (run_id)
),
queued as (
    insert into pending_runs (tenant, run_id)
    select %(tenant)s, run_id from wanted join made using (run_id) order by place
)
update backfill_slots s
set run_id = coalesce(named.run_id, w.run_id), existing = made.run_id is null
from wanted w left join named using (place) left join made on made.run_id = w.run_id
where s.tenant = %(tenant)s and s.backfill_id = w.backfill_id and s.slot = w.slot
returning s.existing
"""
COMPLETE = """
update backfills set status = 'completed', finished_at = %(at)s
where tenant = %(tenant)s and backfill_id = any(%(over)s::text[])
"""
STOP = """
update backfills set status = 'stopped', finished_at = %(at)s
where tenant = %(tenant)s and backfill_id = %(backfill)s and status = 'running'
"""
_PROGRESS = """
select b.*, (
    select coalesce(json_object_agg(word, number), '{{}}')
    from (
        select case
                when s.existing then 'existing'
                when s.run_id is null then 'waiting'
                else (select status from runs r where r.tenant = s.tenant and r.run_id = s.run_id)
            end as word, count(*) as number
        from backfill_slots s
        where s.tenant = b.tenant and s.backfill_id = b.backfill_id
        group by word
    ) counted
) as counts
from backfills b
where tenant = %(tenant)s and {condition}
order by requested_at desc, backfill_id desc limit %(limit)s
"""
ONE = _PROGRESS.format(condition="backfill_id = %(backfill)s")
RECENT = _PROGRESS.format(condition="true")
RECENT_OF_DEFINITION = _PROGRESS.format(condition="definition_id = %(definition)s")
