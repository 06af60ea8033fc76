"""Days of events and the ledger, dropped after retention unless somebody needs them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.integration.test_postgres_schema import ROWS

from activity_core.adapters.postgres.housekeeping import PostgresHousekeeping
from activity_core.adapters.postgres.pool import Pool, connection, open_pool, transaction
from activity_core.adapters.postgres.reading import PostgresReading
from activity_core.adapters.postgres.run_control import PostgresRunControl
from activity_core.core.errors import ConflictError

DAY = timedelta(days=1)
OLD = datetime(2026, 5, 1, 12, tzinfo=UTC)
END = datetime(2026, 5, 2, tzinfo=UTC)
"""Of that day."""
LONG_AGO = OLD - 365 * DAY
"""A day that never had a partition."""


@pytest.fixture
async def pool(postgres_url: str) -> AsyncIterator[Pool]:
    """A database with one event that is routed, of a day that has its partitions."""
    async with open_pool(postgres_url, 4) as opened:
        await PostgresHousekeeping(opened).ensure_partitions(OLD)
        await fill(opened, OLD)
        yield opened
        async with connection(opened) as conn:
            await conn.execute(
                "truncate events, decisions, routings, runs, run_events, pending_events cascade"
            )


async def fill(pool: Pool, at: datetime) -> None:
    """An event that came then, with its routing, its decision and its run, which is over."""
    done = {"status": "failed", "finished_at": at, "failure_code": "x", "failure_message": ""}
    rows: dict[str, dict[str, object]] = {
        "activity_definitions": {},
        "events": {"received_at": at},
        "runs": done,
        "run_events": {"received_at": at},
        "routings": {"received_at": at},
        "decisions": {"input_at": at, "decided_at": at},
    }
    for table, changes in rows.items():
        await insert(pool, table, **changes)


async def insert(pool: Pool, table: str, **changes: object) -> None:
    row = {"tenant": "main"} | ROWS[table] | changes
    columns, values = ", ".join(row), ", ".join(f"%({name})s" for name in row)
    statement = f"insert into {table} ({columns}) values ({values}) on conflict do nothing"
    async with connection(pool) as conn:
        await conn.execute(statement.encode(), row)


async def left(pool: Pool) -> list[str]:
    """Which of the three tables still have their row."""
    async with connection(pool) as conn:
        cursor = await conn.execute(
            """
            select 'events' as name from events union all select 'decisions' from decisions
            union all select 'routings' from routings
            """
        )
        return [row["name"] async for row in cursor]


async def partitions_of(pool: Pool, day: datetime) -> int:
    async with connection(pool) as conn:
        cursor = await conn.execute(
            "select count(*) as number from pg_class where relkind = 'r' and relname like %s",
            [f"%\\_{day:%Y%m%d}"],
        )
        row = await cursor.fetchone()
    return int(row["number"]) if row else 0


async def test_a_day_goes_when_all_of_it_is_over(pool: Pool):
    housekeeping = PostgresHousekeeping(pool)
    await housekeeping.expire_days(END - timedelta(microseconds=1))
    assert await partitions_of(pool, OLD) == 3
    assert len(await left(pool)) == 3
    await housekeeping.expire_days(END)
    assert await partitions_of(pool, OLD) == 0
    assert await partitions_of(pool, END) == 3
    assert await left(pool) == []


@pytest.mark.parametrize("at", [OLD, LONG_AGO], ids=["day", "default"])
@pytest.mark.parametrize(
    ("need", "release", "kept"),
    [
        (
            """
            insert into pending_events (tenant, event_key, received_at)
            select tenant, event_key, received_at from events""",
            "delete from pending_events",
            "events",
        ),
        (
            "update decisions set outcome = 'held'",
            "update decisions set outcome = 'fired'",
            "decisions",
        ),
        (
            """
            update runs set status = 'pending', finished_at = null, failure_code = null,
                failure_message = null""",
            "update runs set status = 'cancelled', finished_at = now()",
            "events",
        ),
    ],
    ids=["waits", "held", "run has yet to read it"],
)
async def test_what_is_needed_stays(pool: Pool, need: str, release: str, kept: str, at: datetime):
    housekeeping = PostgresHousekeeping(pool)
    async with connection(pool) as conn:
        if at is LONG_AGO:
            await conn.execute("truncate events, decisions, routings, runs, run_events cascade")
            await fill(pool, LONG_AGO)
        await conn.execute(need.encode())
        await housekeeping.expire_days(END)
        assert {"events", kept} <= set(await left(pool))
        await conn.execute(release.encode())
        await housekeeping.expire_days(END)
        assert await left(pool) == []


async def test_a_backfill_of_long_ago_is_kept_since_it_was_decided(pool: Pool):
    key = "b.x.2025-05-01T09:00:00Z"
    nothing = {"run_id": None, "event_key": None, "outcome": "skipped", "occurrence_key": key}
    about = {"input_key": key, "input_at": LONG_AGO, "decided_at": END}
    await insert(pool, "decisions", **nothing, **about)
    housekeeping = PostgresHousekeeping(pool)
    await housekeeping.expire_days(END)
    assert await left(pool) == ["decisions"]
    await housekeeping.expire_days(END + timedelta(microseconds=1))
    assert await left(pool) == []


async def test_whoever_is_busy_is_not_kept_waiting(pool: Pool):
    """A reader holds the day: housekeeping lets others pass again, and comes back."""
    housekeeping = PostgresHousekeeping(pool)
    async with transaction(pool) as reader:
        await reader.execute("select from events limit 1")
        await housekeeping.expire_days(END)
        assert len(await left(pool)) == 3
    await housekeeping.expire_days(END)
    assert await left(pool) == []


async def test_a_run_says_how_many_of_its_events_are_forgotten(pool: Pool):
    reading, control = PostgresReading(pool, "main"), PostgresRunControl(pool, "main")
    run = await reading.run("r")
    assert (run["events"], run["events_forgotten"]) == ([{"source": "/shop", "id": "1"}], 0)
    await PostgresHousekeeping(pool).expire_days(END)
    run = await reading.run("r")
    assert (run["events"], run["events_forgotten"], run["decisions"]) == ([], 1, [])
    with pytest.raises(ConflictError, match="events are gone"):
        async with control.hold("r") as held:
            await held.retry(END)
