"""Housekeeping: partitions for the days to come; keys and refusals beyond the horizon."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

from psycopg import errors, sql

from activity_core.adapters.postgres.pool import Pool, connection, translated

DAYS_AHEAD = 7
MOST_REFUSALS = 100_000  # of a tenant: strangers write there
_CHUNK = 10_000  # rows per transaction

_LOCK = "select pg_advisory_xact_lock(hashtext('activity-core partitions'))"
_EXISTING = """
select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'events'::regclass
"""
_PARTITION = """
create table {name} partition of events for values from ({first}) to ({next})
"""
_EXPIRE = """
delete from event_keys where ctid = any(array(
    select k.ctid from event_keys k
    where k.received_at < %(before)s and not exists (
        select from pending_events p where p.tenant = k.tenant and p.event_key = k.event_key)
    limit %(limit)s))
"""
_EXPIRE_REFUSALS = """
delete from refusals where ctid = any(array(
    select r.ctid from (
        select ctid, refused_at, row_number() over (
            partition by tenant order by refused_at desc, position desc) as place
        from refusals
    ) r where r.refused_at < %(before)s or r.place > %(most)s
    limit %(limit)s))
"""


class PostgresHousekeeping:
    """For all tenants of the database at once; several processes may do it side by side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def ensure_partitions(self, now: datetime) -> None:
        """Make the missing daily partitions of events, from today to a week ahead.

        A day of which the default partition holds events already stays there.
        """
        today = now.astimezone(UTC).date()
        for day in (today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)):
            await self._ensure(day)

    async def _ensure(self, day: date) -> None:
        name = f"events_{day:%Y%m%d}"
        async with connection(self._pool) as conn:
            existing = {row["relname"] async for row in await conn.execute(_EXISTING)}
        if name in existing:
            return
        statement = sql.SQL(_PARTITION).format(
            name=sql.Identifier(name),
            first=sql.Literal(f"{day}T00:00:00Z"),
            next=sql.Literal(f"{day + timedelta(days=1)}T00:00:00Z"),
        )
        async with translated():
            # Somebody else was quicker, or the default partition has events of that day.
            with suppress(errors.DuplicateTable, errors.CheckViolation):
                async with self._pool.connection() as conn, conn.transaction():
                    await conn.execute(_LOCK)
                    await conn.execute(statement)

    async def expire_keys(self, before: datetime) -> int:
        """Forget the keys of events received before, unless these wait still; returns how many.

        From then on the same (source, id) is a new event.
        """
        return await self._expire(_EXPIRE, {"before": before})

    async def expire_refusals(self, before: datetime) -> int:
        """Forget refusals from before, and all but the newest of a tenant; returns how many."""
        return await self._expire(_EXPIRE_REFUSALS, {"before": before, "most": MOST_REFUSALS})

    async def _expire(self, statement: str, values: dict[str, object]) -> int:
        expired = 0
        while True:
            async with connection(self._pool) as conn:
                cursor = await conn.execute(statement, values | {"limit": _CHUNK})
            expired += cursor.rowcount
            if cursor.rowcount < _CHUNK:
                return expired
