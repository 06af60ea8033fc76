"""Conservation under chaos: every kind of flow control, while one part after the other is killed.

What senders, sinks, PostgreSQL and Temporal then say is compared by `chaos_count` and
`chaos_promises`. Damage to a ledger must be noticed: it is done in a transaction that is rolled
back, or on a copy. The long run (`make test-long`) has 100 000 events over 500 definitions.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from tests.faults.chaos import Account, Size, chaos
from tests.faults.chaos_count import count
from tests.faults.chaos_ledgers import Ledgers, read_tables
from tests.faults.chaos_senders import SendersLog
from tests.faults.installation import Installation
from tests.invariants import Connection
from tests.outside import Outside

SEED = 6
SHORT = Size(definitions=66, events=2_000, rounds=1, within=120, pause=0.3)
LONG = Size(definitions=500, events=100_000, rounds=12, within=3_600, pause=0.05)


@pytest.fixture(scope="module")
async def account(running: Installation, world: Outside) -> Account:
    return await chaos(running, world, SEED, SHORT)


def test_everything_is_conserved(account: Account) -> None:
    found = account.violations()
    assert not found, f"{len(found)} violations:\n" + "\n".join(found[:40])


@pytest.mark.long
async def test_much_more_is_conserved(running: Installation, world: Outside) -> None:
    found = (await chaos(running, world, SEED, LONG)).violations()
    assert not found, f"{len(found)} violations:\n" + "\n".join(found[:40])


OF = "definition_id like 'chaos-___-{}'"
ONE = "(select min(run_id) from runs where definition_id like 'chaos-___-{}')"
OTHER = f"""(select max(run_id) from runs where definition_id = (
    select definition_id from runs where run_id = {ONE}))"""

DAMAGE = {
    ("plain", "event has no decision"): """
        delete from decisions where run_id = {one}""",
    ("plain", "decision and run do not name each other"): """
        delete from run_events where run_id = {one}""",
    ("plain", "run was not fired by the event that leads it"): """
        update run_events set lead = false where run_id = {one}""",
    ("plain", "event has two runs"): """
        insert into run_events
        select tenant, {other}, event_key, received_at
        from run_events where run_id = {one}""",
    ("plain", "decision is about an event that is not for it"): """
        update decisions set event_key = (
            select event_key from events where type like 'nobody.%' limit 1)
        where run_id = {one}""",
    ("plain", "decided otherwise than its flow control allows"): """
        update decisions set outcome = 'dropped' where run_id = {one}""",
    ("careful", "filter failed for one and not the other"): """
        update decisions set outcome = 'failed' where run_id = {one}""",
    ("same", "dedupe_key has two runs"): """
        update run_events set event_key = (
            select event_key from decisions where {of} and outcome = 'deduplicated'
                and run_id = {one} limit 1)
        where run_id = {other}""",
    ("batch", "run of"): """
        insert into run_events (tenant, run_id, event_key, received_at, lead, place)
        select tenant, {one}, event_key, received_at, false, 99 from events
        where source = '/chaos/one' limit 11""",
    ("batch-by-key", "run of several keys"): """
        insert into run_events (tenant, run_id, event_key, received_at, lead, place)
        select tenant, {one}, event_key, received_at, false, 99 from events
        where source = '/chaos/one' and subject <> (
            select subject from run_events join events using (tenant, event_key)
            where run_id = {one} and lead) limit 1""",
    ("burst-last", "another event leads"): """
        update run_events set place = 999 - place where run_id in (
            select run_id from runs where {of})""",
    ("burst-all", "run sees other events"): """
        update run_events set given = lead where run_id in (select run_id from runs where {of})""",
    ("paced", "over the limit of its throttle"): """
        update runs set fired_at = (select min(fired_at) from runs where {of}) where {of}""",
    ("order", "did not wait for"): """
        update runs set finished_at = finished_at + interval '1 min' where {of}""",
    ("order", "out of order"): """
        update runs set started_at = now() - (started_at - '2000-01-01'),
            finished_at = now() - (started_at - '2000-01-01') where {of}""",
    ("queue", "runs at once"): """
        update runs set finished_at = finished_at + interval '1 min' where {of}""",
    ("all-of", "whole takes longer than `within`"): """
        update events set occurred_at = received_at + interval '1 hour' where event_key = (
            select event_key from run_events where run_id = {one} order by place desc limit 1)""",
    ("all-of", "no whole"): "delete from run_events where run_id = {one} and not lead",
    ("sequence", "events of a whole are not in order of their times"): """
        update run_events set place = 999 - place where run_id = {one}""",
    ("absent", "fired although"): """
        update runs set fired_at = fired_at + interval '1 min' where {of};
        update run_events set event_key = answered.event_key from (
            select d.event_key, min(r.run_id) as run_id
            from decisions d join runs r using (definition_id)
            where {of} and reason like '%came in time: %' group by d.event_key limit 1) answered
        where run_events.run_id = answered.run_id""",
    ("urgent", "run has other tasks than its rule"): """
        delete from tasks where run_id = {one} and spec_id = 'look'""",
    ("urgent", "`say` was never recorded"): """
        delete from tasks where run_id = {one} and spec_id = 'say'""",
    ("urgent", "`say` told of other events than those of its run"): """
        update run_events set event_key = (select event_key from events limit 1)
        where run_id = {one}""",
    ("urgent", "automated task is not completed"): """
        update tasks set status = 'failed' where run_id = {one} and kind = 'emit'""",
    ("urgent", "run is failed"): """
        update runs set status = 'failed', failure_code = 'so' where run_id = {one}""",
    ("calls", "accepted event is lost"): """
        delete from events where source = '/chaos/one' and event_id = '7'""",
    ("calls", "event is stored twice"): """
        insert into events select tenant, received_at + interval '1 ms', event_key, source,
            event_id, type, subject, occurred_at, via, body
        from events where source = '/chaos/one' and event_id = '7'""",
    ("calls", "another number listened"): """
        alter table routings drop constraint routings_conserve;
        update routings set listened = listened + 1""",
}


@pytest.fixture
async def patient(running: Installation, account: Account) -> AsyncIterator[Connection]:
    """A connection on which damage can be done; none of it stays."""
    assert account  # there is something to damage
    async with running.connection() as connection:
        await connection.set_autocommit(False)
        await connection.execute("set local session_replication_role = replica")
        yield connection
        await connection.rollback()


@pytest.mark.parametrize(("shape", "what"), DAMAGE)
async def test_damage_is_noticed(
    patient: Connection, account: Account, shape: str, what: str
) -> None:
    values = {
        name: text.format(shape) for name, text in {"of": OF, "one": ONE, "other": OTHER}.items()
    }
    await patient.execute(DAMAGE[shape, what].format(**values).encode())
    log = SendersLog(dict(account.ledgers.sent), [list(each) for each in account.ledgers.in_order])
    damaged = await read_tables(patient, log, f"chaos-___-{shape}")
    said = [each for each in account.ledgers.announced if each.definition_id.endswith(f"-{shape}")]
    damaged = replace(damaged, announced=said, workflows=account.ledgers.workflows)
    found = account.with_ledgers(damaged).violations(shape)
    assert any(what in line for line in found), found[:10]


SINKS: dict[str, Callable[[Ledgers], Ledgers]] = {
    "`say` never left": lambda ledgers: replace(ledgers, announced=ledgers.announced[1:]),
    "`call` never left": lambda ledgers: replace(ledgers, called=()),
    "`call` told of an event twice": lambda ledgers: replace(
        ledgers, called=[*ledgers.called, replace(ledgers.called[0], task_id="task-again")]
    ),
    "`say` said different things": lambda ledgers: replace(
        ledgers, announced=[*ledgers.announced, replace(ledgers.announced[0], id="again")]
    ),
    "workflow is not known": lambda ledgers: replace(ledgers, workflows={}),
    "workflow was started 2 times": lambda ledgers: replace(
        ledgers, workflows={**ledgers.workflows, "again": ["COMPLETED", "COMPLETED"]}
    ),
    "workflow is ['RUNNING']": lambda ledgers: replace(
        ledgers, workflows={**ledgers.workflows, "runs": ["RUNNING"]}
    ),
}


@pytest.mark.parametrize("what", SINKS)
def test_a_sink_or_temporal_that_says_otherwise_is_noticed(account: Account, what: str) -> None:
    found = count(account.world.definitions, SINKS[what](account.ledgers), account.oracle)
    assert any(what in line for line in found), found[:10]
