"""Flow states: locked by definition, read, and written with what is decided about them.

The lock is an advisory one: states come and go, and whoever is to make one must keep others from
making it too. Locks are taken in the order queue row, definitions, runs (by id), tasks, outbox.
"""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

from activity_core.adapters.postgres.advisory import lock_name
from activity_core.adapters.postgres.decided import write_decided
from activity_core.adapters.postgres.ending import lock_open_work
from activity_core.adapters.postgres.flow_rows import STATES, named
from activity_core.adapters.postgres.pool import Connection, Pool, connection, transaction
from activity_core.core import ids
from activity_core.core.flow.group import FlowKey, FlowState, Stage
from activity_core.core.flow.state_text import state_of
from activity_core.core.run.ending import OpenWork
from activity_core.ports.flow import Decided, OpenFlow

# One row after the other, so in the order of the array: two of these cannot deadlock.
_LOCK = "select pg_advisory_xact_lock(name) from unnest(%(names)s::bigint[]) as n (name)"
_OVER = """
select run_id from runs
where tenant = %(tenant)s and run_id = any(%(runs)b::text[]) and finished_at is not null
"""
# `offset 0`: look each run up by its id, whatever the planner believes of a table it saw empty.
_DUE = """
select definition_id, stage, key
from (
    (
        select definition_id, stage, key, wake_at as since from flow_states
        where tenant = %(tenant)s and wake_at <= %(at)s order by wake_at limit %(limit)s
    )
    union all
    (
        select f.definition_id, f.stage, f.key, r.finished_at
        from flow_slots s
        join flow_states f using (tenant, definition_id, stage, key_hash)
        cross join lateral (
            select o.finished_at from runs o
            where o.tenant = s.tenant and o.run_id = s.run_id and o.finished_at is not null
            offset 0
        ) r
        where s.tenant = %(tenant)s limit %(limit)s
    )
) due
group by definition_id, stage, key
order by min(since), definition_id, stage, key limit %(limit)s
"""
_NEXT_WAKE = """
select wake_at from flow_states
where tenant = %(tenant)s and wake_at is not null order by wake_at limit 1
"""
_HOLDING = """
select id from unnest(%(definitions)b::text[]) as n (id)
where exists (select from flow_states where tenant = %(tenant)s and definition_id = id)
order by id
"""
_WAKE = """
update flow_states set wake_at = %(at)s
where tenant = %(tenant)s and definition_id = %(definition)s
    and (wake_at is null or wake_at > %(at)s)
"""


class PostgresOpenFlow:
    """See `ports.flow.OpenFlow`."""

    def __init__(self, conn: Connection, tenant: str) -> None:
        self._conn = conn
        self._tenant = tenant

    async def lock(self, definition_ids: Sequence[str]) -> None:
        """See `OpenFlow.lock`; it travels with the next question."""
        names = sorted({lock_name("flow", self._tenant, id_) for id_ in definition_ids})
        await self._conn.execute(_LOCK, {"names": names})

    async def states(self, keys: Sequence[FlowKey]) -> Mapping[FlowKey, FlowState]:
        """See `OpenFlow.states`."""
        rows = await self._conn.execute(STATES, named(self._tenant, keys))
        return {
            FlowKey(row["definition_id"], Stage(row["stage"]), row["key"]): state_of(row["state"])
            async for row in rows
        }

    async def finished(self, definition_id: str, occurrence_keys: Sequence[str]) -> Sequence[str]:
        """See `OpenFlow.finished`."""
        runs = {key: ids.run_id(self._tenant, definition_id, key) for key in occurrence_keys}
        values = {"tenant": self._tenant, "runs": list(runs.values())}
        over = {row["run_id"] async for row in await self._conn.execute(_OVER, values)}
        return [key for key, run in runs.items() if run in over]

    async def open_work(self, run_ids: Sequence[str]) -> Sequence[OpenWork]:
        """See `OpenFlow.open_work`; one round trip."""
        return await lock_open_work(self._conn, self._tenant, run_ids)

    async def wake(self, definition_id: str, at: datetime) -> None:
        """Make all states of a definition due; it is locked."""
        values = {"tenant": self._tenant, "definition": definition_id, "at": at}
        await self._conn.execute(_WAKE, values)

    async def write(self, decided: Decided, at: datetime) -> Mapping[str, int]:
        """See `OpenFlow.write`; up to two round trips before what goes with the commit."""
        verdicts = await write_decided(self._conn, self._tenant, decided, at)
        return Counter(each.outcome.value for each in verdicts)


class PostgresFlowStore:
    """See `ports.flow.FlowStore`."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    async def due(self, at: datetime, limit: int) -> Sequence[FlowKey]:
        """See `FlowStore.due`."""
        values = {"tenant": self._tenant, "at": at, "limit": limit}
        async with connection(self._pool) as conn:
            rows = await conn.execute(_DUE, values)
            return [
                FlowKey(row["definition_id"], Stage(row["stage"]), row["key"]) async for row in rows
            ]

    async def next_wake(self) -> datetime | None:
        """See `FlowStore.next_wake`."""
        async with connection(self._pool) as conn:
            row = await (await conn.execute(_NEXT_WAKE, {"tenant": self._tenant})).fetchone()
        return row["wake_at"] if row else None

    async def wake(self, definition_ids: Collection[str], at: datetime) -> None:
        """See `FlowStore.wake`; each under its lock, so that no writer is met half-way."""
        values = {"tenant": self._tenant, "definitions": list(definition_ids)}
        async with connection(self._pool) as conn:
            holding = [row["id"] async for row in await conn.execute(_HOLDING, values)]
        for definition_id in holding:
            async with self._open() as flow:
                await flow.lock([definition_id])
                await flow.wake(definition_id, at)

    def open(self) -> AbstractAsyncContextManager[OpenFlow]:
        """See `FlowStore.open`."""
        return self._open()

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[PostgresOpenFlow]:
        async with transaction(self._pool) as conn:
            yield PostgresOpenFlow(conn, self._tenant)
