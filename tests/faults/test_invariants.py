"""Negative controls: damage is done, in a transaction that is rolled back, and must be reported."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.api import cloudevent
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

Stream = Sequence[Published]

AN_EVENT = "(select event_key from events where event_id = 'control-1' limit 1)"
A_RUN = f"""(select run_id from decisions
    where definition_id = 'quick' and outcome = 'fired' and event_key = {AN_EVENT})"""

LEFT_OVER = {
    "event waits for the router": f"""
        insert into pending_events (tenant, event_key, received_at)
        select tenant, event_key, received_at from events where event_key = {AN_EVENT}""",
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
    "decision is not final": f"""
        update decisions set outcome = 'held'
        where event_key = {AN_EVENT} and definition_id = 'quick'""",
    "fired decision has no run of its own": f"""
        update decisions set occurrence_key = 'e.other'
        where event_key = {AN_EVENT} and definition_id = 'quick'""",
    "run was not fired by exactly one decision": f"""
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
}


@pytest.fixture(scope="module")
async def stream(running: Installation) -> Stream:
    """A few events that went all the way; what is known to be healthy before it is damaged."""
    for number in range(1, 6):
        await running.send(cloudevent("load.control", f"control-{number}", {"n": number}))
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
