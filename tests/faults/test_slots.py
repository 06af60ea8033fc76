"""Real outages over real schedules: every slot is accounted for, as its policies promise.

Schedules with short intervals go on through all of these tests; each test takes something away for
several of their periods. What then happened is counted by `slots`, from outside. The long ones (a
minute) run with `make test-long`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise

import pytest
from tests.api import eventually
from tests.faults.beats import (
    Beat,
    assert_accounts,
    by_id,
    covered,
    ledgers,
    now,
    publish,
    retire,
)
from tests.faults.conftest import RECOVERY_RATE
from tests.faults.installation import Installation
from tests.faults.slots import ON_TIME, Ledger, broken_promises, ledger, unaccounted
from tests.invariants import Connection

BEATS = by_id(
    Beat("skips", 1),
    Beat("skips-soon", 2, window=6),
    Beat("catches-up", 1, policy="catch_up", max_runs=3),
    Beat("catches-up-soon", 2, policy="catch_up", window=7),
    Beat("compresses", 1, policy="compress"),
    Beat("compresses-slowly", 5, policy="compress"),
    Beat("laps", 2, overlap="skip", waits=True),
    Beat("laps-later", 2, overlap="buffer_one", waits=True),
    Beat("laps-and-catches-up", 2, policy="catch_up", overlap="buffer_all", waits=True),
    Beat("takes-over", 2, overlap="cancel_other", waits=True),
    Beat("takes-over-at-once", 2, overlap="terminate_other", policy="compress", waits=True),
)
SLOT_AGENTS = ("starter", "worker", "reconciler", "auditor")
SHORT, LONG = 10.0, 60.0
UNDER_WAY = timedelta(seconds=2)
"""What was begun may still be decided so long after something was taken away."""


@pytest.fixture(scope="module", autouse=True)
async def beats(running: Installation) -> AsyncIterator[None]:
    await publish(running, BEATS)
    await covered(running, BEATS)
    yield
    await retire(running, BEATS)


def assert_missed(found: Mapping[str, Ledger], went: datetime, back: datetime) -> None:
    """Nothing was decided meanwhile; afterwards all of it was, at once, by policy."""
    outcomes: dict[str, list[str]] = {}
    for id_, each in found.items():
        missed = each.within(went + UNDER_WAY, back)
        assert missed, id_
        assert all(row["decided_at"] >= back for row in missed), id_
        if BEATS[id_].overlap == "allow_all":
            [moment] = {row["decided_at"] for row in missed}
            outcomes[id_] = [row["outcome"] for row in each.groups()[moment]]
    on_time = outcomes["skips"].count("fired")
    assert on_time <= ON_TIME.seconds + 1
    assert outcomes["skips"].count("late") == len(outcomes["skips"]) - on_time
    assert "skipped" in outcomes["skips-soon"]
    assert outcomes["catches-up"].count("caught_up") == 3
    assert outcomes["catches-up"].count("skipped") == len(outcomes["catches-up"]) - on_time - 3
    assert outcomes["compresses"].count("compressed") == len(outcomes["compresses"]) - on_time


def assert_paced(found: Mapping[str, Ledger], turns: Mapping[str, datetime]) -> None:
    """What makes up for it has its turn one after the other, of what was settled together (after
    an outage several settlers may be at it) the oldest first.
    """
    runs = {run["run_id"]: run for each in found.values() for run in each.runs}
    in_turn = sorted(turns, key=lambda run_id: turns[run_id])
    assert len(in_turn) > 2 * RECOVERY_RATE
    for earlier, later in pairwise(in_turn):
        apart = (turns[later] - turns[earlier]).total_seconds()
        assert apart >= 1 / RECOVERY_RATE - 0.001
        if runs[earlier]["fired_at"] == runs[later]["fired_at"]:
            assert runs[earlier]["slot"] <= runs[later]["slot"]
    for run_id, turn in turns.items():
        run = runs[run_id]
        assert run["started_at"] is None or run["started_at"] >= turn  # None: it was displaced


async def watch_turns(running: Installation, turns: dict[str, datetime]) -> None:
    """Take down when waiting runs may start, until cancelled."""
    async with running.connection() as connection:
        while True:
            rows = await connection.execute(
                "select run_id, start_at from pending_runs where start_at > '-infinity'"
            )
            turns.update({row["run_id"]: row["start_at"] for row in await rows.fetchall()})
            await asyncio.sleep(0.05)


async def outage(
    running: Installation,
    take_away: Callable[[], Awaitable[None]],
    bring_back: Callable[[], Awaitable[None]],
    seconds: float,
) -> None:
    await take_away()
    went = now()
    await asyncio.sleep(seconds)  # the very thing that is tested
    back = now()
    await bring_back()
    turns: dict[str, datetime] = {}
    watching = asyncio.create_task(watch_turns(running, turns))
    try:
        found = await covered(running, BEATS)
    finally:
        watching.cancel()
        await asyncio.wait([watching])
    assert_accounts(found, BEATS)
    assert_missed(found, went, back)
    assert_paced(found, turns)


async def server_away(running: Installation, server: str, seconds: float) -> None:
    await outage(
        running, lambda: running.kill_server(server), running.servers[server].start, seconds
    )


async def worker_away(running: Installation, seconds: float) -> None:
    await outage(running, lambda: running.kill("worker"), lambda: running.start("worker"), seconds)


@pytest.mark.parametrize("server", ["temporal", "postgres"])
async def test_a_server_is_away_for_several_periods(running: Installation, server: str) -> None:
    await server_away(running, server, SHORT)


async def test_all_workers_are_away_for_several_periods(running: Installation) -> None:
    await worker_away(running, SHORT)


async def test_all_that_slots_need_is_killed_again_and_again(running: Installation) -> None:
    for _ in range(2):
        for agent in SLOT_AGENTS:
            await running.kill(agent)
        for agent in SLOT_AGENTS:
            await running.start(agent)
        await eventually(partial(_decided_since, running, now()), "somebody decides again")
    assert_accounts(await covered(running, BEATS), BEATS)


async def _decided_since(running: Installation, instant: datetime) -> bool:
    found = await ledgers(running, by_id(BEATS["skips"]))
    return any(row["decided_at"] > instant for row in found["skips"].decisions)


@pytest.mark.long
@pytest.mark.parametrize("server", ["temporal", "postgres"])
async def test_a_server_is_away_for_a_minute(running: Installation, server: str) -> None:
    await server_away(running, server, LONG)


@pytest.mark.long
async def test_all_workers_are_away_for_a_minute(running: Installation) -> None:
    await worker_away(running, LONG)


# Negative controls: damage is done in a transaction that is rolled back, and must be noticed.

ONE = (
    "definition_id = 'compresses' and input_key = (select min(input_key) from decisions where "
    "definition_id = 'compresses' and outcome = '{outcome}')"
)
DAMAGE = {
    "slot without a decision": f"delete from decisions where {ONE.format(outcome='fired')}",
    "decision about no slot": f"""
        update decisions set input_key = replace(input_key, 'Z', '.5Z')
        where {ONE.format(outcome="fired")}""",
    "slot with two runs": """
        alter table runs drop constraint runs_occurrence_runs_once;
        insert into runs (tenant, run_id, definition_id, version, occurrence_key, trigger, status,
            scheduled_for, fired_at, touched_at)
        select tenant, 'run-again', definition_id, version, occurrence_key, trigger, 'pending',
            scheduled_for, fired_at, touched_at
        from runs where definition_id = 'compresses' order by scheduled_for limit 1""",
    "run that no decision names": f"""
        update decisions set outcome = 'skipped', run_id = null, reason = 'paused: so'
        where {ONE.format(outcome="fired")}""",
    "decision without its run": f"""
        update decisions set run_id = 'run-none' where {ONE.format(outcome="fired")}""",
    "refusal without its cause": f"""
        update decisions set outcome = 'skipped', run_id = null, reason = 'so'
        where {ONE.format(outcome="fired")}""",
    "unexplained": f"update decisions set outcome = 'failed' where {ONE.format(outcome='fired')}",
}


@pytest.fixture
async def patient(running: Installation) -> AsyncIterator[Connection]:
    """A connection on which damage can be done; none of it stays."""
    async with running.connection() as connection:
        await connection.set_autocommit(False)
        await connection.execute("set local session_replication_role = replica")
        yield connection
        await connection.rollback()


@pytest.mark.parametrize("what", DAMAGE)
async def test_damage_is_noticed(patient: Connection, what: str) -> None:
    beat = BEATS["compresses"]
    assert unaccounted(beat, await ledger(patient, beat.id)) == []
    await patient.execute(DAMAGE[what].encode())
    found = unaccounted(beat, await ledger(patient, beat.id))
    assert any(what in line for line in found), found


async def test_a_second_run_for_one_gap_is_noticed(patient: Connection) -> None:
    beat = BEATS["compresses"]
    assert broken_promises(beat, await ledger(patient, beat.id)) == []
    await patient.execute(
        f"""
        update decisions set run_id = (
            select run_id from runs where definition_id = 'compresses' and gap is null limit 1)
        where {ONE.format(outcome="compressed")}""".encode()
    )
    found = broken_promises(beat, await ledger(patient, beat.id))
    assert any("runs for one gap" in line for line in found), found


async def test_afterwards_the_invariants_hold(running: Installation) -> None:
    await retire(running, BEATS)
    assert_accounts(await ledgers(running, BEATS), BEATS)
    await running.assert_invariants()
