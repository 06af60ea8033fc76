"""Negative controls: damage is done, in a transaction that is rolled back, and must be reported."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.api import cloudevent
from tests.faults import task_damage
from tests.faults.installation import Installation
from tests.invariants import (
    PENDING,
    VIOLATIONS,
    Connection,
    Published,
    compare,
    unfinished,
    violations,
)
from tests.outside import Outside

Stream = Sequence[Published]

AN_EVENT = "(select event_key from events where event_id = 'control-1' limit 1)"
A_RUN = f"""(select run_id from decisions
    where definition_id = 'quick' and outcome = 'fired' and event_key = {AN_EVENT})"""

INTERVAL = """
    insert into activity_definitions (tenant, definition_id, version, document, digest,
        published_at, published_by)
    values ('main', 'beats', 1, '{"id": "beats", "trigger": {"interval": {"every": "PT10S"}}}',
        sha256('beats'), '2026-01-01T00:00:00Z', 'ann');
    insert into registry_log values ('main', 1000, 'beats', 'published', 1, false, false, '', 'ann',
        '2026-01-01T00:00:00Z');
    insert into slot_cursors (tenant, definition_id, plan, since, covered_until, audited_until)
    values ('main', 'beats', 'p', '2026-01-01T00:00:00Z', '2026-01-01T00:00:29Z',
        '2026-01-01T00:00:00Z');
    insert into decisions (tenant, input_key, input_at, definition_id, version, outcome, reason,
        occurrence_key, decided_at)
    select 'main', slot, slot::timestamptz, 'beats', 1, 'skipped', 'misfire: too late', slot, now()
    from unnest(array['2026-01-01T00:00:10Z', '2026-01-01T00:00:20Z']) as slot;
"""
"""A schedule with both of its covered slots decided: no damage."""
A_SLOT = "input_key = '2026-01-01T00:00:20Z' and definition_id = 'beats'"
COMPRESSED = """
    insert into runs (tenant, run_id, definition_id, version, occurrence_key, trigger, status,
        scheduled_for, gap, fired_at, touched_at, finished_at)
    values ('main', 'run-of-two', 'beats', 1, '2026-01-01T00:00:20Z', 'schedule', 'cancelled',
        '2026-01-01T00:00:20Z', '{"start": "2026-01-01T00:00:10Z", "end": "2026-01-01T00:00:20Z",
        "count": 2, "slots": ["2026-01-01T00:00:10Z", "2026-01-01T00:00:20Z"]}',
        now(), now(), now());
    update decisions set outcome = 'compressed', run_id = 'run-of-two'
    where definition_id = 'beats';
"""
"""Both of them led to one run: no damage either."""

LEFT_OVER = {
    "event waits for the router": f"""
        insert into pending_events (tenant, event_key, received_at)
        select tenant, event_key, received_at from events where event_key = {AN_EVENT}""",
    "event is held": f"""
        update decisions set outcome = 'held' where event_key = {AN_EVENT}""",
    "run waits for the starter": f"""
        insert into pending_runs (tenant, run_id) select 'main', {A_RUN}""",
    "execution is not known to be started": """
        update executions set lease_until = now()
        where execution_id = (select min(execution_id) from executions)""",
    "run is open": f"""
        update runs set status = 'running', finished_at = null where run_id = {A_RUN}""",
    "automated task is open": f"""
        update tasks set status = 'running', finished_at = null, outcome = null
        where run_id = {A_RUN} and kind = 'emit'""",
    "announcement waits for the relay": """
        insert into pending_outbox (tenant, position, shard, key, event_id)
        select tenant, position, 0, key, event_id from outbox limit 1""",
    "signal waits": """
        insert into pending_signals (tenant, run_id, workflow_id) values ('main', 'r', 'w')""",
    "backfill has slots left": """
        insert into backfills (tenant, backfill_id, definition_id, first, last, turns,
            max_concurrent, actor, reason, requested_at)
        values ('main', 'b', 'quick', now(), now(), 'oldest', 1, 'ann', '', now())""",
    **task_damage.LEFT_OVER,
}

DAMAGE = {
    "accepted event has neither one routing row nor a dead letter": f"""
        delete from routings where event_key = {AN_EVENT}""",
    "event is stored twice": f"""
        insert into events select tenant, received_at + interval '1 ms', event_key, source,
            event_id, type, subject, occurred_at, via, body
        from events where event_key = {AN_EVENT}""",
    "routing row has no event": f"delete from events where event_key = {AN_EVENT}",
    "outcomes do not sum up to what listened": f"""
        alter table routings drop constraint routings_conserve;
        update routings set listened = listened + 1 where event_key = {AN_EVENT}""",
    "counts and decisions of an event differ": f"""
        delete from decisions where event_key = {AN_EVENT} and definition_id = 'quick'""",
    "input is decided twice": f"""
        insert into decisions (tenant, input_key, input_at, definition_id, version, outcome, reason,
            occurrence_key, run_id, event_key, decided_at)
        select tenant, input_key, input_at + interval '1 day', definition_id, version, outcome,
            reason, occurrence_key, run_id, event_key, decided_at
        from decisions where event_key = {AN_EVENT} and definition_id = 'quick'""",
    "held slot waits for no open run": f"""
        {INTERVAL} update decisions set outcome = 'held' where {A_SLOT}""",
    "decision names a run that is not there": f"""
        update decisions set outcome = 'deduplicated', run_id = 'run-none'
        where event_key = {AN_EVENT} and definition_id = 'quick'""",
    "decision has no run of its own": f"""
        update decisions set occurrence_key = 'e.other'
        where event_key = {AN_EVENT} and definition_id = 'quick'""",
    "compressed slot is not in the gap of its run": f"""
        {INTERVAL} {COMPRESSED}
        update runs set gap = json_build_object('start', gap ->> 'end', 'end', gap ->> 'end',
            'count', 2) where run_id = 'run-of-two'""",
    "slot has two runs": f"""
        {INTERVAL} {COMPRESSED}
        insert into runs select tenant, 'run-again', definition_id, version, 'another key', trigger,
            status, attempt, scheduled_for, input, traceparent, causation_depth, fired_at,
            touched_at, started_at, recorded_at, finished_at
        from runs where run_id = 'run-of-two'""",
    "covered slot has no decision": f"{INTERVAL} delete from decisions where {A_SLOT}",
    "run was not decided exactly once": f"""
        update decisions set outcome = 'fired', run_id = {A_RUN}
        where (input_key, definition_id) = (
            select input_key, definition_id from decisions where run_id <> {A_RUN} limit 1)""",
    "occurrence has two runs": f"""
        alter table runs drop constraint runs_occurrence_runs_once;
        insert into runs (tenant, run_id, definition_id, version, occurrence_key, trigger, status,
            fired_at, touched_at)
        select tenant, 'run-again', definition_id, version, occurrence_key, trigger, 'pending',
            fired_at, touched_at
        from runs where run_id = {A_RUN}""",
    "run of an event does not name it": f"""
        delete from run_events where run_id = {A_RUN}""",
    "tasks of a run are not those that its rules decided": f"""
        delete from tasks where run_id = {A_RUN} and kind = 'human'""",
    "task is there twice": f"""
        alter table tasks drop constraint tasks_are_created_once;
        insert into tasks (tenant, task_id, run_id, definition_id, version, rule, spec_id, item,
            kind, title, status, inputs, needs, groups, wait, created_at)
        select tenant, 'task-again', run_id, definition_id, version, rule, spec_id, item,
            kind, title, 'ready', inputs, needs, groups, wait, created_at
        from tasks where run_id = {A_RUN} and kind = 'human'""",
    "run is closed before its tasks": f"""
        update tasks set status = 'ready', finished_at = null, outcome = null
        where run_id = {A_RUN} and kind = 'emit'""",
    "announcement of a run is not there exactly once": f"""
        delete from outbox where subject = {A_RUN} and type like '%completed%'""",
    "creation of a task is not announced exactly once": f"""
        delete from outbox where key = {A_RUN} and type like '%task.created%'""",
    "end of a task is not announced exactly once": f"""
        delete from outbox where key = {A_RUN} and type like '%task.completed%'""",
    "announcement is about no run": "update outbox set key = 'run-none' where key = " + A_RUN,
    **task_damage.DAMAGE,
}


@pytest.fixture(scope="module")
async def stream(running: Installation, world: Outside) -> Stream:
    """A few events that went all the way; what is known to be healthy before it is damaged."""
    for number in range(1, 6):
        await running.send(cloudevent("load.control", f"control-{number}", {"n": number}))
    await task_damage.play(running, world.url)
    await running.assert_invariants()
    return await running.published()


@pytest.fixture
async def patient(running: Installation, stream: Stream) -> AsyncIterator[Connection]:
    """A connection on which damage can be done; none of it stays."""
    async with running.connection() as connection:
        await connection.set_autocommit(False)
        # Triggers and foreign keys would keep us from it; that is their test, not this one.
        await connection.execute("set local session_replication_role = replica")
        yield connection
        await connection.rollback()


@pytest.mark.parametrize("what", PENDING)
async def test_what_is_left_over_is_seen(patient: Connection, what: str) -> None:
    assert await unfinished(patient) == []
    await patient.execute(LEFT_OVER[what].encode())
    assert any(found.startswith(what) for found in await unfinished(patient))


@pytest.mark.parametrize("what", VIOLATIONS)
async def test_damage_is_reported(patient: Connection, stream: Stream, what: str) -> None:
    assert await violations(patient, stream) == []
    await patient.execute(DAMAGE[what].encode())
    assert any(found.startswith(what) for found in await violations(patient, stream))


@pytest.mark.parametrize("damage", task_damage.LOG_DAMAGE)
async def test_a_row_that_its_log_does_not_tell_of_is_reported(
    patient: Connection, stream: Stream, damage: str
) -> None:
    await patient.execute(damage.encode())
    found = await violations(patient, stream)
    assert any(line.startswith("log of a task") for line in found), found


async def test_slots_that_are_all_decided_are_no_damage(
    patient: Connection, stream: Stream
) -> None:
    await patient.execute(INTERVAL.encode())
    assert await violations(patient, stream) == []
    await patient.execute(COMPRESSED.encode())
    assert await violations(patient, stream) == []


@pytest.mark.parametrize(
    "damage",
    [
        f"delete from decisions where {A_SLOT}; delete from slot_cursors",
        f"update decisions set outcome = 'fired' where {A_SLOT}",
        "update runs set gap = null where run_id = 'run-of-two'",
    ],
)
async def test_a_run_of_several_slots_is_named_by_all_of_them(
    patient: Connection, stream: Stream, damage: str
) -> None:
    await patient.execute(f"{INTERVAL} {COMPRESSED} {damage}".encode())
    found = await violations(patient, stream)
    assert "run was not decided exactly once: run-of-two" in found


@pytest.mark.parametrize("trigger", ["schedule", "backfill"])
async def test_only_backfills_decide_about_runs_of_backfills(
    patient: Connection, stream: Stream, trigger: str
) -> None:
    await patient.execute(f"{INTERVAL} {COMPRESSED}".encode())
    key = "2026-01-01T00:00:20Z" if trigger == "backfill" else "b.b1.2026-01-01T00:00:20Z"
    await patient.execute(
        b"update runs set gap = null, trigger = %s where run_id = 'run-of-two'", [trigger]
    )
    await patient.execute(b"delete from decisions where definition_id = 'beats'")
    await patient.execute(b"delete from slot_cursors")
    await patient.execute(
        b"""insert into decisions (tenant, input_key, input_at, definition_id, version, outcome,
            reason, occurrence_key, run_id, decided_at)
        values ('main', %s, '2026-01-01T00:00:20Z', 'beats', 1, 'fired', '',
            '2026-01-01T00:00:20Z', 'run-of-two', now())
        """,
        [key],
    )
    found = await violations(patient, stream)
    assert found == [f"decision has no run of its own: {key} beats"]


async def test_an_event_that_only_its_sender_knows_is_lost(
    patient: Connection, stream: Stream
) -> None:
    sent = [("/tests", "control-1"), ("/tests", "never-stored")]
    assert await violations(patient, stream, sent) == [
        "accepted event is lost: /tests never-stored"
    ]


ROWS: list[dict[str, Any]] = [
    {"event_id": f"e-{number}", "key": f"run-{number % 2}", "body": b'{"id":"e-%d"}' % number}
    for number in range(6)
]
LEFT = [Published(row["event_id"], row["body"]) for row in ROWS]


@pytest.mark.parametrize(
    ("damaged", "what"),
    [
        (lambda left: left[:-1], "announcement never left: e-5"),
        (
            lambda left: [left[2], *left[:2], *left[3:]],
            "announcement left before an earlier one of its run: e-2",
        ),
        (
            lambda left: [replace(left[0], message_id="x"), *left[1:]],
            "message id is not that of its event: x",
        ),
        (
            lambda left: [replace(left[0], body=b'{"id":"e-0","more":1}'), *left[1:]],
            "announcement left with another body: e-0",
        ),
        (
            lambda left: [*left, Published("e-9", b'{"id":"e-9"}')],
            "message was never announced: e-9",
        ),
    ],
)
def test_the_stream_is_compared(damaged: Callable[[Stream], Stream], what: str) -> None:
    assert compare(ROWS, LEFT) == []
    assert compare(ROWS, [*LEFT, LEFT[0]]) == []  # at least once
    assert what in compare(ROWS, damaged(LEFT))
