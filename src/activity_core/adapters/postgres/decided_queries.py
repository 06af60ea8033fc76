"""The SQL of writing what was decided about events.

Arrays of text travel in binary: psycopg would look at every character of the others, to escape it.
"""

# Of events and slots that were decided about before, those whose decision cannot change any more.
FINAL = """
select d.definition_id, d.input_key
from unnest(%(definitions)b::text[], %(inputs)b::text[], %(times)s::timestamptz[])
    as n (definition_id, input_key, input_at)
cross join lateral (
    select definition_id, input_key, outcome from decisions
    where tenant = %(tenant)s and input_key = n.input_key and definition_id = n.definition_id
        and input_at = n.input_at offset 0
) d
where d.outcome <> 'held'
"""
# In order of run ids, so that two routers with the same occurrences cannot deadlock.
RUNS = """
insert into runs (tenant, run_id, definition_id, version, occurrence_key, trigger, status,
    priority, traceparent, causation_depth, fired_at, touched_at)
select %(tenant)s, run_id, definition_id, version, occurrence_key, 'event', 'pending',
    priority, traceparent, causation_depth, %(at)s, %(at)s
from unnest(%(runs)b::text[], %(definitions)b::text[], %(versions)s::int[],
    %(occurrences)b::text[], %(priorities)s::int[], %(traces)b::text[], %(depths)s::int[]
) as r (run_id, definition_id, version, occurrence_key, priority, traceparent, causation_depth)
order by run_id
on conflict do nothing
returning run_id
"""
RUN_EVENTS = """
insert into run_events (tenant, run_id, event_key, received_at, place, lead, given)
select %(tenant)s, run_id, event_key, received_at, place, lead, given
from unnest(%(runs)b::text[], %(keys)b::bytea[], %(times)s::timestamptz[],
    %(places)s::int[], %(leads)s::boolean[], %(given)s::boolean[]
) as r (run_id, event_key, received_at, place, lead, given)
"""
QUEUE = """
insert into pending_runs (tenant, run_id, priority, size)
select %(tenant)s, run_id, priority, size
from unnest(%(runs)b::text[], %(priorities)s::int[], %(sizes)s::int[])
    with ordinality as r (run_id, priority, size, place)
order by place
"""
# Runs that events joined or repeated, if they are there.
NAMED = """
select run_id from runs where tenant = %(tenant)s and run_id = any(%(runs)b::text[])
"""
# What was decided stays, but for what was only held.
DECISIONS = """
insert into decisions as d (tenant, input_key, input_at, definition_id, version, outcome, reason,
    occurrence_key, run_id, event_key, trace, decided_at)
select %(tenant)s, input_key, input_at, definition_id, version, outcome, reason, occurrence_key,
    run_id, event_key, trace::json, %(at)s
from unnest(%(inputs)b::text[], %(times)s::timestamptz[], %(definitions)b::text[],
    %(versions)s::int[], %(outcomes)b::text[], %(reasons)b::text[], %(occurrences)b::text[],
    %(runs)b::text[], %(keys)b::bytea[], %(traces)b::text[]
) as n (input_key, input_at, definition_id, version, outcome, reason, occurrence_key, run_id,
    event_key, trace)
on conflict (tenant, input_key, definition_id, input_at) do update
set version = excluded.version, outcome = excluded.outcome, reason = excluded.reason,
    run_id = excluded.run_id, trace = excluded.trace, decided_at = excluded.decided_at
where d.outcome = 'held'
"""
