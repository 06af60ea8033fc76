"""Housekeeping: room for the days to come; what is forgotten, and when.

Keys and refusals go beyond the horizon, events and the ledger when retention is over.
"""

from datetime import datetime

from activity_core.adapters.postgres.partitions import drop_days, make_days
from activity_core.adapters.postgres.pool import Pool, connection

MOST_REFUSALS = 100_000  # of a tenant: strangers write there
_CHUNK = 10_000  # rows per transaction

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
# What fell on a day without a partition: the same rules as in `partitions`, row by row.
_EXPIRE_EVENTS = """
delete from events_default where ctid = any(array(
    select e.ctid from events_default e
    where e.received_at < %(before)s and not exists (
        select from pending_events p where p.tenant = e.tenant and p.event_key = e.event_key
    ) and not exists (
        select from decisions d
        where d.tenant = e.tenant and d.input_at = e.received_at and d.event_key = e.event_key
            and d.outcome = 'held'
    ) and not exists (
        select from run_events n join runs r using (tenant, run_id)
        where n.tenant = e.tenant and n.event_key = e.event_key
            and r.status in ('pending', 'running') and r.recorded_at is null
    )
    limit %(limit)s))
"""
# A backfill decides today about a slot of long ago.
_EXPIRE_DECISIONS = """
delete from decisions_default where ctid = any(array(
    select d.ctid from decisions_default d
    where d.input_at < %(before)s and d.decided_at < %(before)s and d.outcome <> 'held'
    limit %(limit)s))
"""
_EXPIRE_ROUTINGS = """
delete from routings_default where ctid = any(array(
    select r.ctid from routings_default r where r.received_at < %(before)s
    limit %(limit)s))
"""


class PostgresHousekeeping:
    """For all tenants of the database at once; several processes may do it side by side."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def ensure_partitions(self, now: datetime) -> None:
        """Make the missing daily partitions of events and the ledger, from today to a week ahead.

        A day of which a default partition has rows already stays there.
        """
        await make_days(self._pool, now)

    async def expire_days(self, before: datetime) -> None:
        """Forget events, decisions and routings of days that ended before.

        Whole days go with their partitions, what lies in a default partition goes row by row.
        Events that wait or are held stay, and so do events that a run has yet to read. What is
        busy just now goes next time.
        """
        await drop_days(self._pool, before)
        for statement in (_EXPIRE_EVENTS, _EXPIRE_DECISIONS, _EXPIRE_ROUTINGS):
            await self._expire(statement, {"before": before})

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
