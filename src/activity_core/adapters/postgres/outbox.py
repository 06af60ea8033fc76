"""The outbox: `post` writes announcements for the ledgers, `take` hands them to a relay.

A key belongs to one of 16 shards; a relay holds the advisory locks of the shards it publishes, so
one relay at a time has a key, and several relays share the shards.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

from activity_core.adapters.postgres.pool import Connection, Pool, connection, depth, transaction
from activity_core.adapters.postgres.storable import prose
from activity_core.core.run.announcement import Announcement
from activity_core.ports.outbox import OutboxBatch, OutboxRow, Setback, StuckRow

_SHARDS_AT_ONCE = 4  # of 16: a few relays find work side by side

_POST = """
with announcement as (
    select * from unnest(%(ids)b::text[], %(keys)b::text[], %(types)b::text[],
        %(subjects)b::text[], %(bodies)b::bytea[]
    ) with ordinality as a (event_id, key, type, subject, body, place)
),
fresh as (
    insert into outbox (tenant, event_id, key, type, subject, body, created_at)
    select %(tenant)s, event_id, key, type, subject, body, %(at)s from announcement order by place
    on conflict do nothing
    returning position, event_id, key
)
insert into pending_outbox (tenant, position, shard, key, event_id)
select %(tenant)s, position, hashtextextended(key, 0) & 15, key, event_id from fresh
"""

# Due: not in back-off, and not behind a row of the same key that is.
_DUE = """
p.tenant = %(tenant)s and (p.retry_at is null or p.retry_at <= %(at)s)
and not exists (
    select from pending_outbox b
    where b.tenant = p.tenant and b.key = p.key and b.position < p.position
        and b.retry_at > %(at)s)
"""
# The shards whose first due row waits longest, as far as nobody else holds them.
_LOCK_SHARDS = f"""
with due as materialized (
    select s.shard, first.position
    from generate_series(0, 15) s (shard)
    cross join lateral (
        select p.position from pending_outbox p
        where p.shard = s.shard and {_DUE} order by p.position limit 1
    ) first
    order by first.position
)
select shard from due where pg_try_advisory_xact_lock(hashtext('outbox ' || %(tenant)s), shard)
limit %(shards)s
"""  # noqa: S608 - constant parts
# A statement of its own, so that it sees what the last holder of the locks did.
_ROWS = f"""
select p.position, p.key, p.event_id, o.type, o.body, p.attempts
from pending_outbox p
join outbox o using (tenant, event_id)
where p.shard = any(%(shards)s::smallint[]) and {_DUE}
order by p.position limit %(limit)s
"""  # noqa: S608 - constant parts
_SENT = """
delete from pending_outbox where tenant = %(tenant)s and position = any(%(sent)s::bigint[])
"""
_SET_BACK = """
update pending_outbox p
set attempts = p.attempts + 1, retry_at = s.retry_at, last_error = s.error
from unnest(%(positions)s::bigint[], %(errors)s::text[], %(times)s::timestamptz[])
    as s (position, error, retry_at)
where p.tenant = %(tenant)s and p.position = s.position
"""
_DEPTH = "select count(*) as depth from pending_outbox where tenant = %(tenant)s"
_STUCK = """
select p.position, p.key, p.event_id, o.type, p.attempts, p.last_error, p.retry_at
from pending_outbox p join outbox o using (tenant, event_id)
where p.tenant = %(tenant)s and p.retry_at is not null
order by p.position limit %(limit)s
"""


async def post(
    conn: Connection, tenant: str, announcements: Sequence[Announcement], at: datetime
) -> None:
    """Write announcements in their order; whoever calls holds the locks of the runs they are of.

    One with an id that is there already is not written again.
    """
    if not announcements:
        return
    values = {
        "tenant": tenant,
        "at": at,
        "ids": [announcement.event_id for announcement in announcements],
        "keys": [announcement.key for announcement in announcements],
        "types": [announcement.type for announcement in announcements],
        "subjects": [announcement.subject for announcement in announcements],
        "bodies": [announcement.body for announcement in announcements],
    }
    await conn.execute(_POST, values)


class PostgresOutboxBatch:
    """See `ports.outbox.OutboxBatch`."""

    def __init__(self, conn: Connection, tenant: str, rows: Sequence[OutboxRow]) -> None:
        self._conn = conn
        self._tenant = tenant
        self.rows = rows

    async def settle(self, sent: Sequence[int], setbacks: Sequence[Setback]) -> None:
        """See `OutboxBatch.settle`."""
        values = {
            "tenant": self._tenant,
            "sent": list(sent),
            "positions": [setback.position for setback in setbacks],
            "errors": [prose(setback.error) for setback in setbacks],
            "times": [setback.retry_at for setback in setbacks],
        }
        if sent:
            await self._conn.execute(_SENT, values)
        if setbacks:
            await self._conn.execute(_SET_BACK, values)


class PostgresOutbox:
    """See `ports.outbox.Outbox`."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    def take(self, limit: int, at: datetime) -> AbstractAsyncContextManager[OutboxBatch]:
        """See `Outbox.take`."""
        return self._take(limit, at)

    @asynccontextmanager
    async def _take(self, limit: int, at: datetime) -> AsyncIterator[OutboxBatch]:
        async with transaction(self._pool) as conn:
            values = {"tenant": self._tenant, "at": at, "limit": limit, "shards": _SHARDS_AT_ONCE}
            cursor = await conn.execute(_LOCK_SHARDS, values)
            shards = [row["shard"] async for row in cursor]
            rows = []
            if shards:
                cursor = await conn.execute(_ROWS, values | {"shards": shards}, binary=True)
                rows = [OutboxRow(**row) async for row in cursor]
            yield PostgresOutboxBatch(conn, self._tenant, rows)

    async def depth(self) -> int:
        """See `Outbox.depth`."""
        return await depth(self._pool, _DEPTH, self._tenant)

    async def stuck(self, limit: int) -> Sequence[StuckRow]:
        """See `Outbox.stuck`."""
        async with connection(self._pool) as conn:
            cursor = await conn.execute(_STUCK, {"tenant": self._tenant, "limit": limit})
            return [StuckRow(**row) async for row in cursor]
