"""Days of the inbox and the ledger: made before they begin, dropped when retention is over.

Both need a lock that nobody else may hold, if only for a moment; whoever asks behind it waits. So
it is asked for briefly, and again next time. (DETACH CONCURRENTLY does not go where there is a
default partition.) Locks are taken in the order in which routers take them.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

from psycopg import errors, sql

from activity_core.adapters.postgres.pool import Connection, Pool, connection, translated

DAYS_AHEAD = 7

_TABLES = ("events", "decisions", "routings")
_DAY = timedelta(days=1)
_NAME = re.compile(r"(?:events|decisions|routings)_(\d{8})")

_ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtext('activity-core partitions'))"
# Shorter than deadlock_timeout: whoever else is in the way is never the one to be aborted.
_BRIEFLY = "set local lock_timeout = '500ms'"
_EXISTING = """
select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = any(array['events', 'decisions', 'routings']::regclass[])
"""
_MAKE = "create table {name} partition of {parent} for values from ({first}) to ({next})"
# With `events` first nobody can be on the way from there to the others.
_BEFORE_DROPPING = "lock table only events, only decisions, only routings in access exclusive mode"
_DROP = "drop table {names}"
# Of what waits, is held, or has a run that did not read its events yet.
_NEEDED = """
select exists (
    select from pending_events where received_at >= %(first)s and received_at < %(next)s
) or exists (
    select from decisions
    where input_at >= %(first)s and input_at < %(next)s and outcome = 'held'
) or exists (
    select from runs r join run_events n using (tenant, run_id)
    where r.status in ('pending', 'running') and r.recorded_at is null
        and n.received_at >= %(first)s and n.received_at < %(next)s
) as needed
"""


async def make_days(pool: Pool, now: datetime) -> None:
    """Make the missing partitions, from today to a week ahead.

    A day of which a default partition has rows already stays there.
    """
    today = now.astimezone(UTC).date()
    existing = {name for names in (await _days(pool)).values() for name in names}
    for day in (today + ahead * _DAY for ahead in range(DAYS_AHEAD + 1)):
        for parent in _TABLES:
            if (name := f"{parent}_{day:%Y%m%d}") not in existing:
                await _make(pool, name, parent, day)


async def _make(pool: Pool, name: str, parent: str, day: date) -> None:
    first, after = _bounds(day)
    statement = sql.SQL(_MAKE).format(
        name=sql.Identifier(name),
        parent=sql.Identifier(parent),
        first=sql.Literal(first.isoformat()),
        next=sql.Literal(after.isoformat()),
    )
    async with translated():
        # Somebody else was quicker, the default partition has rows of that day, or is busy.
        with suppress(errors.DuplicateTable, errors.CheckViolation, errors.LockNotAvailable):
            async with pool.connection() as conn, conn.transaction():
                await conn.execute(_ONE_AT_A_TIME)
                await conn.execute(_BRIEFLY)
                await conn.execute(statement)


async def drop_days(pool: Pool, before: datetime) -> None:
    """Drop the partitions of days that ended before, unless something of that day is needed.

    The first day that is busy ends it: the others are there next time.
    """
    for day, names in sorted((await _days(pool)).items()):
        if _bounds(day)[1] > before:
            break
        async with connection(pool) as conn:
            if await _is_needed(conn, day):
                continue
        async with translated():
            try:
                await _drop(pool, day, names)
            except errors.LockNotAvailable:
                break


async def _drop(pool: Pool, day: date, names: Sequence[str]) -> None:
    async with pool.connection() as conn, conn.transaction():
        await conn.execute(_ONE_AT_A_TIME)
        await conn.execute(_BRIEFLY)
        await conn.execute(_BEFORE_DROPPING)
        # Again, now that nobody can read an event of that day to hold it.
        if not await _is_needed(conn, day):
            tables = sql.SQL(", ").join(map(sql.Identifier, names))
            await conn.execute(sql.SQL(_DROP).format(names=tables))


async def _is_needed(conn: Connection, day: date) -> bool:
    first, after = _bounds(day)
    row = await (await conn.execute(_NEEDED, {"first": first, "next": after})).fetchone()
    return row is not None and bool(row["needed"])


async def _days(pool: Pool) -> Mapping[date, Sequence[str]]:
    """The partitions there are, by day."""
    found: dict[date, list[str]] = defaultdict(list)
    async with connection(pool) as conn:
        async for row in await conn.execute(_EXISTING):
            if match := _NAME.fullmatch(row["name"]):
                found[date.fromisoformat(match[1])].append(row["name"])
    return found


def _bounds(day: date) -> tuple[datetime, datetime]:
    first = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return first, first + _DAY
