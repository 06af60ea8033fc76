"""The SQL of cases: doorbells, queues, turns."""

from activity_core.adapters.postgres.claimed_run import COLUMNS, GIVEN

# The oldest doorbells. `is_queued`: there is something to ring for.
BELLS = """
select b.position, b.definition_id, b.key_hash, b.case_id, c.key, c.number, c.version, exists (
    select from case_runs q where q.tenant = b.tenant and q.definition_id = b.definition_id
        and q.key_hash = b.key_hash) as is_queued
from case_bells b left join cases c using (tenant, case_id)
where b.tenant = %(tenant)s order by b.position limit %(limit)s
"""
# Who has this lock sees the end of a case, or keeps it from ending with something queued. A case
# that is being taken is not waited for.
LOCK = """
select c.case_id, c.definition_id, c.key_hash, c.key, c.number, c.version
from unnest(%(definitions)b::text[], %(hashes)b::bytea[]) as k (definition_id, key_hash)
join cases c on c.tenant = %(tenant)s and c.definition_id = k.definition_id
    and c.key_hash = k.key_hash and c.status = 'open'
order by c.definition_id, c.key_hash
for no key update of c skip locked
"""
# Keys with something queued and no open case: what the next one begins with.
WANTED = """
select k.definition_id, k.key_hash, q.key, q.version, q.fired_at, n.number
from unnest(%(definitions)b::text[], %(hashes)b::bytea[]) as k (definition_id, key_hash)
cross join lateral (
    select q.key, r.version, r.fired_at from case_runs q join runs r using (tenant, run_id)
    where q.tenant = %(tenant)s and q.definition_id = k.definition_id and q.key_hash = k.key_hash
    order by q.position limit 1
) q
cross join lateral (
    select coalesce(max(c.number), 0) + 1 as number, bool_or(c.status = 'open') as is_open
    from cases c
    where c.tenant = %(tenant)s and c.definition_id = k.definition_id and c.key_hash = k.key_hash
) n
where n.is_open is not true
order by k.definition_id, k.key_hash
"""
OPEN = """
insert into cases (tenant, case_id, definition_id, key_hash, key, number, version, opened_at,
    last_event_at, touched_at)
select %(tenant)s, case_id, definition_id, key_hash, key, number, version, fired_at, fired_at,
    %(at)s
from unnest(%(cases)b::text[], %(definitions)b::text[], %(hashes)b::bytea[], %(keys)b::text[],
    %(numbers)s::int[], %(versions)s::int[], %(times)s::timestamptz[]
) as n (case_id, definition_id, key_hash, key, number, version, fired_at)
order by definition_id, key_hash
on conflict do nothing
returning case_id, definition_id, key_hash, key, number, version
"""
DROP_BELLS = """
delete from case_bells where tenant = %(tenant)s and position = any(%(positions)s::bigint[])
"""
RING = """
insert into case_bells (tenant, definition_id, key_hash, case_id)
select tenant, definition_id, key_hash, case_id from cases
where tenant = %(tenant)s and case_id = any(%(cases)s::text[])
"""
TAKE = """
select case_id, definition_id, key_hash, key, number, version, status, state, is_ending, fired,
    taken, opened_at, last_event_at, closed_at
from cases where tenant = %(tenant)s and case_id = %(case)s for no key update
"""
# A statement of its own, after the lock: it sees what was queued until then.
QUEUED = f"""
select {COLUMNS}, r.fired_at
from case_runs q
join cases c using (tenant, definition_id, key_hash)
join runs r using (tenant, run_id)
{GIVEN}
where c.tenant = %(tenant)s and c.case_id = %(case)s and c.status = 'open'
order by q.position limit %(limit)s
for no key update of r
"""  # noqa: S608 - constant parts
QUEUED_RUN = f"""
select {COLUMNS}
from case_runs q
join runs r using (tenant, run_id)
{GIVEN}
where q.tenant = %(tenant)s and q.run_id = %(run)s and r.status = 'pending'
"""  # noqa: S608 - constant parts
FIRE = """
with run as (
    insert into runs (tenant, run_id, definition_id, version, occurrence_key, trigger, timer,
        case_id, status, fired_at, touched_at)
    select %(tenant)s, run_id, %(definition)s, version, occurrence_key, 'timer', timer, %(case)s,
        'pending', fired_at, %(at)s
    from unnest(%(runs)s::text[], %(versions)s::int[], %(occurrences)s::text[], %(timers)s::text[],
        %(times)s::timestamptz[]) as r (run_id, version, occurrence_key, timer, fired_at)
    on conflict do nothing
    returning run_id, version, occurrence_key, timer, fired_at
)
insert into decisions (tenant, input_key, input_at, definition_id, version, outcome, reason,
    occurrence_key, run_id, decided_at)
select %(tenant)s, occurrence_key, fired_at, %(definition)s, version, 'fired',
    'timer ' || timer, occurrence_key, run_id, %(at)s
from run
on conflict do nothing
"""
QUEUE_TIMER = """
insert into case_runs (tenant, definition_id, key_hash, position, key, run_id)
values (%(tenant)s, %(definition)s, %(hash)s, 0, %(key)s, %(run)s) on conflict do nothing
"""
PIN = """
update runs r set case_id = %(case)s, version = n.version
from unnest(%(runs)s::text[], %(versions)s::int[]) as n (run_id, version)
where r.tenant = %(tenant)s and r.run_id = n.run_id
"""
TAKE_OFF = """
delete from case_runs where tenant = %(tenant)s and run_id = any(%(runs)s::text[])
"""
# What is left of recorded runs is carried out like that of any run.
START = """
insert into pending_runs (tenant, run_id, priority)
select tenant, run_id, priority from runs
where tenant = %(tenant)s and run_id = any(%(runs)s::text[])
on conflict do nothing
"""
KEEP = """
update cases set version = %(version)s, status = %(status)s, state = %(state)s::json,
    is_ending = %(is_ending)s, fired = %(fired)s::json, taken = %(taken)s,
    last_event_at = %(last_event_at)s, wake_at = %(wake_at)s, waiting_for = %(waiting_for)s,
    closed_at = %(closed_at)s, closed_by = %(closed_by)s
where tenant = %(tenant)s and case_id = %(case)s
"""
CLOSE = """
update cases set status = 'closed', closed_at = %(at)s, closed_by = %(by)s, wake_at = null,
    waiting_for = null
where tenant = %(tenant)s and case_id = %(case)s
"""
UNTOUCHED = """
select case_id, definition_id, key, number, version from cases
where tenant = %(tenant)s and status = 'open' and touched_at < %(since)s
order by touched_at limit %(limit)s
"""
TOUCH = """
with audited as materialized (
    select case_id from cases
    where tenant = %(tenant)s and case_id = any(%(cases)s::text[]) and status = 'open'
    order by definition_id, key_hash for no key update skip locked
)
update cases c set touched_at = %(at)s
from audited a where c.tenant = %(tenant)s and c.case_id = a.case_id
"""
_ITEM = """c.case_id, c.definition_id, c.key, c.number, c.version, c.status, c.taken, c.opened_at,
    c.last_event_at, c.wake_at, c.waiting_for, c.closed_at, c.closed_by"""
ITEMS = f"select {_ITEM} from cases c where c.tenant = %(tenant)s"  # noqa: S608 - constant parts
DETAIL = f"""
select {_ITEM}, c.state from cases c where c.tenant = %(tenant)s and c.case_id = %(case)s
"""  # noqa: S608 - constant parts
QUEUED_IDS = """
select q.run_id from case_runs q join cases c using (tenant, definition_id, key_hash)
where c.tenant = %(tenant)s and c.case_id = %(case)s and c.status = 'open'
order by q.position limit 100
"""
RUNS = """
select run_id, trigger, timer, status, fired_at from runs
where tenant = %(tenant)s and case_id = %(case)s order by fired_at desc, run_id desc limit 100
"""
