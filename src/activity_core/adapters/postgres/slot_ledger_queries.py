"""The SQL of cursors: who is due, what is covered, what was audited. Writing is `settled_slots`."""

CURSORS = """
select definition_id, plan, covered_until, next_slot, wake_at
from slot_cursors where tenant = %(tenant)s
"""
# Whoever plans or audits several cursors takes them in order of ids: they cannot deadlock. Settlers
# never wait for one.
PLAN = """
insert into slot_cursors as c (tenant, definition_id, plan, since, covered_until, audited_until,
    next_slot, wake_at)
select %(tenant)s, n.definition_id, n.plan, n.covered, n.covered, n.covered, n.next_slot, n.wake_at
from unnest(%(definitions)s::text[], %(plans)s::text[], %(covered)s::timestamptz[],
    %(slots)s::timestamptz[], %(wakes)s::timestamptz[]
) as n (definition_id, plan, covered, next_slot, wake_at)
order by n.definition_id
on conflict (tenant, definition_id) do update set plan = excluded.plan,
    next_slot = least(c.next_slot, excluded.next_slot), wake_at = least(c.wake_at, excluded.wake_at)
"""
_NO_RUN_IS_OPEN = """
not exists (
    select from runs r
    where r.tenant = c.tenant and r.definition_id = c.definition_id
        and r.finished_at is null and r.trigger = 'schedule' and r.rerun_of is null)
"""
_GOES_ON = f"""
select c.definition_id, c.covered_until, c.next_slot
from (select distinct definition_id from decisions
    where tenant = %(tenant)s and outcome = 'held' and event_key is null) held
join slot_cursors c on c.tenant = %(tenant)s and c.definition_id = held.definition_id
where {_NO_RUN_IS_OPEN}
"""  # noqa: S608 - constant parts
DUE = f"""
select definition_id, covered_until
from (
    (
        select definition_id, covered_until, next_slot from slot_cursors
        where tenant = %(tenant)s and next_slot <= %(at)s order by next_slot limit %(limit)s
    )
    union
    ({_GOES_ON})
) due
order by next_slot nulls last, definition_id limit %(limit)s
"""  # noqa: S608 - constant parts
LOCK = f"""
select definition_id, plan, covered_until, next_slot, wake_at
from slot_cursors c
where tenant = %(tenant)s and definition_id = any(%(definitions)s::text[])
    and (next_slot <= %(at)s
        or exists (
            select from decisions d
            where d.tenant = c.tenant and d.definition_id = c.definition_id and d.outcome = 'held'
                and d.event_key is null)
        and {_NO_RUN_IS_OPEN})
for update skip locked
"""  # noqa: S608 - constant parts
# Statements of their own, so that they see what the last holder of the locks did.
OPEN_RUNS = """
select r.definition_id, r.run_id
from unnest(%(definitions)s::text[]) as c (definition_id)
cross join lateral (
    select o.definition_id, o.run_id, o.scheduled_for from runs o
    where o.tenant = %(tenant)s and o.definition_id = c.definition_id
        and o.finished_at is null and o.trigger = 'schedule' and o.rerun_of is null
    offset 0
) r
order by r.scheduled_for
"""
HELD = """
select definition_id, input_key from decisions
where tenant = %(tenant)s and definition_id = any(%(definitions)s::text[]) and outcome = 'held'
    and event_key is null
order by input_key
"""
TAKEN = """
select run_id from runs where tenant = %(tenant)s and run_id = any(%(runs)s::text[])
"""
OVERDUE = f"""
select exists (
    select from slot_cursors where tenant = %(tenant)s and wake_at <= %(at)s
) or exists ({_GOES_ON}) as overdue
"""  # noqa: S608 - constant parts
# The keys of slots are instants; those of backfills and requests begin with a letter and a dot.
DECIDED = """
select input_at as slot, outcome from decisions
where hashtextextended(definition_id, 0) = hashtextextended(%(definition)s, 0)
    and input_at > %(after)s and input_at <= %(until)s and event_key is null
    and tenant = %(tenant)s and definition_id = %(definition)s and substr(input_key, 2, 1) <> '.'
"""
UNAUDITED = """
select definition_id, audited_until as after, least(covered_until, %(before)s) as until
from slot_cursors
where tenant = %(tenant)s and audited_until < least(covered_until, %(before)s)
order by audited_until limit %(limit)s
"""
AUDITED = """
with audited as materialized (
    select c.definition_id, n.until
    from unnest(%(definitions)s::text[], %(untils)s::timestamptz[]) as n (definition_id, until)
    join slot_cursors c on c.tenant = %(tenant)s and c.definition_id = n.definition_id
    order by c.definition_id for no key update of c
)
update slot_cursors c set audited_until = greatest(c.audited_until, a.until)
from audited a
where c.tenant = %(tenant)s and c.definition_id = a.definition_id and a.until <= c.covered_until
"""
LOCK_ONE = """
select from slot_cursors
where tenant = %(tenant)s and definition_id = %(definition)s for no key update
"""
UNEXPLAINED = """
insert into decisions (tenant, input_key, input_at, definition_id, version, outcome, reason,
    occurrence_key, decided_at)
select %(tenant)s, input_key, slot, %(definition)s, %(version)s, 'failed', %(reason)s, input_key,
    %(at)s
from unnest(%(inputs)s::text[], %(slots)s::timestamptz[]) as s (input_key, slot)
on conflict do nothing
"""
