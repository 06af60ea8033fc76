"""The invariants of the design, counted from the outside: what the database and the broker hold.

In: a connection, the tenant's settled tables, and what left on the broker. Out: one line per
violation; none if everything holds. Nothing of the product is used but ids, so that a mistake of
the product cannot hide itself here.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row
from tests.task_invariants import TASKS_PENDING, TASKS_VIOLATIONS

Connection = psycopg.AsyncConnection[dict[str, Any]]

PENDING = {
    "event waits for the router": "select event_key::text as subject from pending_events",
    "event is held": """
        select input_key || ' ' || definition_id as subject from decisions
        where outcome = 'held' and event_key is not null""",
    "run waits for the starter": "select run_id as subject from pending_runs",
    "execution is not known to be started": """
        select execution_id as subject from executions where lease_until is not null""",
    "run is open": """
        select run_id as subject from runs where status in ('pending', 'running')""",
    "automated task is open": """
        select task_id as subject from tasks where finished_at is null and kind <> 'human'""",
    "announcement waits for the relay": "select event_id as subject from pending_outbox",
    "signal waits": "select workflow_id as subject from pending_signals",
    "backfill has slots left": """
        select backfill_id as subject from backfills where status = 'running'""",
    **TASKS_PENDING,
}
"""What is still to be done."""

# Which slots crons mean is not for SQL to say; intervals anybody can count.
COVERED_SLOTS = """
    with documents as (
        select tenant, l.definition_id, bool_or(l.retired) as retired, min(l.at) as published_at,
            count(distinct d.document -> 'trigger') as triggers,
            (array_agg(d.document -> 'trigger' -> 'interval'))[1] as interval
        from registry_log l join activity_definitions d using (tenant, definition_id, version)
        group by tenant, definition_id
    ),
    intervals as (
        select tenant, definition_id, greatest(c.since, published_at) as after, c.covered_until,
            extract(epoch from (interval ->> 'every')::interval)::bigint as every,
            coalesce(extract(epoch from (interval ->> 'offset')::interval), 0)::bigint as first
        from documents join slot_cursors c using (tenant, definition_id)
        where triggers = 1 and not retired and interval is not null
            and not interval ?| array['from', 'until']
    ),
    slots as (
        select tenant, definition_id, to_char(
            to_timestamp(number * every + first) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'
        ) as input_key
        from intervals, generate_series(
            floor((extract(epoch from after) - first) / every)::bigint + 1,
            floor((extract(epoch from covered_until) - first) / every)::bigint
        ) as number
    )
    select definition_id || ' ' || input_key as subject
    from slots left join decisions d using (tenant, definition_id, input_key)
    where d.input_key is null"""

VIOLATIONS = {
    "accepted event has neither one routing row nor a dead letter": """
        select e.source || ' ' || e.event_id as subject
        from events e left join routings r using (tenant, event_key)
        where r.event_key is null and not exists (
            select from dead_letters d
            where d.via = 'router' and position(e.event_id::bytea in d.body) > 0)""",
    "event is stored twice": """
        select source || ' ' || event_id as subject
        from events group by tenant, source, event_id having count(*) > 1""",
    "routing row has no event": """
        select r.event_key::text as subject
        from routings r left join events e using (tenant, event_key) where e.event_key is null""",
    "outcomes do not sum up to what listened": """
        select event_key::text as subject from routings
        where listened <> (select coalesce(sum(value::int), 0) from jsonb_each_text(counts))""",
    "counts and decisions of an event differ": """
        -- A routing counts what was decided then: what was held became something else since.
        select event_key::text as subject
        from (
            select event_key, received_at as input_at, key as outcome, value::int as number
            from routings, jsonb_each_text(counts) where key <> 'filtered'
        ) counted
        full join (
            select event_key, input_at, outcome, count(*) as number
            from decisions where input_key like 'e.%' group by event_key, input_at, outcome
        ) decided using (event_key, input_at, outcome)
        group by event_key, input_at
        having coalesce(sum(counted.number), 0) <> coalesce(sum(decided.number), 0) or bool_or(
            outcome <> 'held' and counted.number > coalesce(decided.number, 0))""",
    "input is decided twice": """
        select input_key || ' ' || definition_id as subject
        from decisions group by tenant, input_key, definition_id having count(*) > 1""",
    "held slot waits for no open run": """
        select d.input_key || ' ' || d.definition_id as subject
        from decisions d
        where d.outcome = 'held' and d.event_key is null and not exists (
            select from runs r where r.tenant = d.tenant and r.definition_id = d.definition_id
                and r.trigger = 'schedule' and r.status in ('pending', 'running'))""",
    "decision names a run that is not there": """
        select d.input_key || ' ' || d.definition_id as subject
        from decisions d left join runs r using (tenant, run_id)
        where d.run_id is not null and r.run_id is null""",
    "decision has no run of its own": """
        select d.input_key || ' ' || d.definition_id as subject
        from decisions d left join runs r using (tenant, run_id)
        where d.outcome in ('fired', 'late', 'caught_up') and (r.run_id is null
            or r.definition_id <> d.definition_id
            or case when r.occurrence_key like 'c.%' then d.event_key is null
                    or r.version < d.version
                when r.case_id is not null then r.occurrence_key <> d.occurrence_key
                else (r.version, r.occurrence_key) <> (d.version, d.occurrence_key) end
            or (d.input_key like 'b.%') <> (r.trigger = 'backfill'))""",
    "compressed slot is not in the gap of its run": """
        select d.input_key || ' ' || d.definition_id as subject
        from decisions d left join runs r using (tenant, run_id)
        where d.outcome = 'compressed' and (r.gap is null or r.definition_id <> d.definition_id
            or d.input_key not between r.gap ->> 'start' and r.gap ->> 'end')""",
    "run was not decided exactly once": """
        select r.run_id as subject
        from runs r left join decisions d on d.tenant = r.tenant and d.run_id = r.run_id
        group by r.tenant, r.run_id
        having count(*) filter (where d.outcome in ('fired', 'late', 'caught_up'))
                <> case when r.gap is null then 1 else 0 end
            or count(*) filter (where d.outcome = 'compressed')
                <> coalesce((r.gap ->> 'count')::int, 0)""",
    "slot has two runs": """
        select definition_id || ' ' || scheduled_for as subject
        from runs where scheduled_for is not null
        group by tenant, definition_id, scheduled_for having count(*) > 1""",
    "covered slot has no decision": COVERED_SLOTS,
    "occurrence has two runs": """
        select definition_id || ' ' || occurrence_key as subject
        from runs group by tenant, definition_id, occurrence_key having count(*) > 1""",
    "run of an event does not name it": """
        select d.run_id as subject from decisions d
        where d.outcome in ('fired', 'merged') and d.event_key is not null and not exists (
            select from run_events e
            where e.run_id = d.run_id and e.event_key = d.event_key and e.received_at = d.input_at
                and (e.lead or d.outcome = 'merged'))""",
    "tasks of a run are not those that its rules decided": """
        select r.run_id as subject
        from runs r
        where r.recorded_at is not null and (
            select coalesce(sum((rule ->> 'tasks')::int), 0)
            from json_array_elements(coalesce(r.rules, '[]'::json)) as rule
        ) <> (select count(*) from tasks t where t.run_id = r.run_id and t.role = 'task')""",
    "task is there twice": """
        select run_id || ' ' || rule || ' ' || spec_id as subject
        from tasks group by tenant, run_id, rule, spec_id, item having count(*) > 1""",
    "run is closed before its tasks": """
        select t.task_id as subject from tasks t join runs r using (tenant, run_id)
        where r.status = 'completed' and t.finished_at is null and (t.kind <> 'human' or t.wait)""",
    "announcement of a run is not there exactly once": """
        select r.run_id || ' ' || wanted.type as subject
        from runs r
        cross join lateral (values ('activity-core.run.started.v1'),
            ('activity-core.run.' || case r.status when 'completed' then 'completed'
                else 'failed' end || '.v1')) as wanted(type)
        where r.status in ('completed', 'failed', 'compensated') and r.attempt = 1
            and (r.failure_code is null or r.failure_code in ('task_failed', 'compensation_failed'))
            and 1 <> (select count(*) from outbox o
                where o.key = r.run_id and o.subject = r.run_id and o.type = wanted.type)""",
    "creation of a task is not announced exactly once": """
        select t.task_id as subject from tasks t
        where 1 <> (select count(*) from outbox o
            where o.key = t.run_id and o.subject = t.task_id
                and o.type = 'activity-core.task.created.v1')""",
    "end of a task is not announced exactly once": """
        select t.task_id as subject from tasks t join runs r using (tenant, run_id)
        where t.finished_at is not null and r.attempt = 1
            and 1 <> (select count(*) from outbox o
                where o.key = t.run_id and o.subject = t.task_id and o.type in (
                    'activity-core.task.completed.v1', 'activity-core.task.failed.v1',
                    'activity-core.task.cancelled.v1'))""",
    "announcement is about no run": """
        select o.event_id as subject
        from outbox o left join runs r on r.run_id = o.key where r.run_id is null""",
    **TASKS_VIOLATIONS,
}
"""What must not be, whatever happened."""


@dataclass(frozen=True)
class Published:
    """A message of the outbound stream."""

    message_id: str
    body: bytes


async def unfinished(connection: Connection) -> list[str]:
    """What is still to be done; empty once everything has settled."""
    return await _found(connection, PENDING)


async def violations(
    connection: Connection, stream: Sequence[Published], sent: Iterable[tuple[str, str]] = ()
) -> list[str]:
    """Every violation, as `what: subject`. `sent` are the events that senders heard accepted."""
    found = await _found(connection, VIOLATIONS)
    found += await _lost(connection, sent)
    return found + compare(await _outbox(connection), stream)


def compare(outbox: Sequence[Mapping[str, Any]], stream: Sequence[Published]) -> list[str]:
    """The outbox in order against the stream: all of it left, with its ids, in order per key."""
    found = [
        f"message id is not that of its event: {message.message_id}"
        for message in stream
        if json.loads(message.body)["id"] != message.message_id
    ]
    first: dict[str, int] = {}
    bodies: dict[str, set[bytes]] = defaultdict(set)
    for number, message in enumerate(stream):
        first.setdefault(message.message_id, number)
        bodies[message.message_id].add(message.body)
    last_of_key: dict[str, int] = {}
    for row in outbox:
        event_id, key = row["event_id"], row["key"]
        if event_id not in first:
            found.append(f"announcement never left: {event_id}")
            continue
        if bodies[event_id] != {row["body"]}:
            found.append(f"announcement left with another body: {event_id}")
        if first[event_id] < last_of_key.get(key, -1):
            found.append(f"announcement left before an earlier one of its run: {event_id}")
        last_of_key[key] = max(first[event_id], last_of_key.get(key, -1))
    known = {row["event_id"] for row in outbox}
    return found + [f"message was never announced: {name}" for name in first if name not in known]


async def _found(connection: Connection, queries: Mapping[str, str]) -> list[str]:
    found = []
    for what, query in queries.items():
        async with connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query.encode())
            found += [f"{what}: {row['subject']}" for row in await cursor.fetchall()]
    return found


async def _lost(connection: Connection, sent: Iterable[tuple[str, str]]) -> list[str]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("select source, event_id from events")
        stored = {(row["source"], row["event_id"]) for row in await cursor.fetchall()}
    return [f"accepted event is lost: {' '.join(event)}" for event in set(sent) - stored]


async def _outbox(connection: Connection) -> list[dict[str, Any]]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("select event_id, key, body from outbox order by position")
        return await cursor.fetchall()
