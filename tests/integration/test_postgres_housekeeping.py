"""Partitions, and what is forgotten: keys, refusals, and days of events and the ledger."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from activity_core.adapters.postgres.housekeeping import MOST_REFUSALS, PostgresHousekeeping
from activity_core.adapters.postgres.inbox import PostgresInbox
from activity_core.adapters.postgres.pool import Pool, connection, open_pool, transaction
from activity_core.core import ids
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.inbox import Acceptance, Arrival

AT = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
async def pool(postgres_url: str) -> AsyncIterator[Pool]:
    async with open_pool(postgres_url, 4) as opened:
        yield opened


async def accept(pool: Pool, tenant: str, at: datetime) -> Acceptance:
    envelope = EventEnvelope(id="1", source="/shop", type="order.created")
    key = ids.event_key(tenant, envelope.source, envelope.id)
    [answer] = await PostgresInbox(pool, tenant).accept([Arrival(envelope, key, "http")], at)
    return answer


async def partitions(pool: Pool) -> list[str]:
    async with connection(pool) as conn:
        cursor = await conn.execute("select tableoid::regclass::text as name from events")
        return [row["name"] async for row in cursor]


async def days(pool: Pool) -> set[str]:
    """The partitions of all three tables."""
    async with connection(pool) as conn:
        cursor = await conn.execute(
            """
            select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
            where c.relkind = 'r' and c.relname <> all(array[
                'events_default', 'decisions_default', 'routings_default'])
            """
        )
        return {row["name"] async for row in cursor}


async def test_days_to_come_have_their_partitions(pool: Pool):
    housekeeping = PostgresHousekeeping(pool)
    await asyncio.gather(*(housekeeping.ensure_partitions(AT) for _ in range(3)))
    await accept(pool, "today", AT)
    await accept(pool, "tomorrow", AT + timedelta(minutes=1))
    await accept(pool, "in a week", AT + 7 * DAY)
    assert sorted(await partitions(pool)) == [
        "events_20260301",
        "events_20260302",
        "events_20260308",
    ]


async def test_a_table_that_is_busy_gets_its_partition_next_time(pool: Pool):
    later = AT + 50 * DAY
    housekeeping = PostgresHousekeeping(pool)
    async with transaction(pool) as conn:
        await conn.execute("select from decisions limit 1")
        await housekeeping.ensure_partitions(later)
        found = await days(pool)
        assert {"events_20260420", "routings_20260420"} <= found
        assert "decisions_20260420" not in found
    await housekeeping.ensure_partitions(later)
    assert "decisions_20260420" in await days(pool)


async def test_events_of_a_day_without_partition_are_kept(pool: Pool):
    much_later = AT + 100 * DAY
    await accept(pool, "late", much_later)
    await PostgresHousekeeping(pool).ensure_partitions(much_later - DAY)
    await accept(pool, "late too", much_later + timedelta(minutes=2))
    assert sorted(await partitions(pool))[-2:] == ["events_20260610", "events_default"]


async def test_keys_are_forgotten_beyond_the_horizon_only(pool: Pool):
    old, new = AT + 200 * DAY, AT + 201 * DAY
    for tenant, at in (("old", old), ("new", new), ("waiting", old)):
        assert await accept(pool, tenant, at) is Acceptance.ACCEPTED
    async with connection(pool) as conn:
        await conn.execute("delete from pending_events where tenant in ('old', 'new')")
    await PostgresHousekeeping(pool).expire_keys(new)
    assert await accept(pool, "old", new) is Acceptance.ACCEPTED
    assert await accept(pool, "new", new) is Acceptance.DUPLICATE
    assert await accept(pool, "waiting", new) is Acceptance.DUPLICATE
    assert await PostgresHousekeeping(pool).expire_keys(new) == 0


_REFUSE = """
insert into refusals (tenant, refused_at, via, sender, code, message, event_source, event_id,
    event_type, dead_letter_id)
select %(tenant)s, %(at)s + n * interval '1 ms', 'http', 'ci', 'forbidden', n::text, '', '', '', ''
from generate_series(1, %(count)s) n
"""
_LEFT = """
select tenant, min(message::int) as first, count(*) as count from refusals
group by tenant order by tenant
"""


async def test_refusals_are_forgotten_beyond_the_horizon_and_beyond_a_number(pool: Pool):
    """A tenant that is flooded costs no other one its refusals."""
    async with connection(pool) as conn:
        for tenant, at, count in (
            ("flooded", AT, MOST_REFUSALS + 10_500),
            ("old", AT - DAY, 3),
            ("quiet", AT, 2),
        ):
            await conn.execute(_REFUSE, {"tenant": tenant, "at": at, "count": count})
    housekeeping = PostgresHousekeeping(pool)
    assert await housekeeping.expire_refusals(AT) == 10_500 + 3
    async with connection(pool) as conn:
        left = await (await conn.execute(_LEFT)).fetchall()
    assert left == [
        {"tenant": "flooded", "first": 10_501, "count": MOST_REFUSALS},
        {"tenant": "quiet", "first": 1, "count": 2},
    ]
    assert await housekeeping.expire_refusals(AT) == 0
