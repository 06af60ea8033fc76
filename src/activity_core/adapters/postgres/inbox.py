"""The inbox: `accept` writes keys, bodies and queue rows in one statement; `take` locks the queue.

What the router decided about a batch is written by `routing_batch`.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

from psycopg.rows import DictRow

from activity_core.adapters.postgres.advisory import lock_name
from activity_core.adapters.postgres.pool import Connection, Pool, connection, depth, transaction
from activity_core.adapters.postgres.routing_batch import PostgresRoutingBatch
from activity_core.core.decision import PendingEvent
from activity_core.ports.inbox import Acceptance, Arrival, RoutingBatch

# Arrays travel in binary: psycopg would look at every character of the others, to escape it.
_ACCEPT = """
with arrival as (
    select * from unnest(
        %(keys)b::bytea[], %(digests)b::bytea[], %(sources)b::text[], %(ids)b::text[],
        %(types)b::text[], %(subjects)b::text[], %(times)b::text[], %(vias)b::text[],
        %(bodies)b::bytea[]
    ) with ordinality as a (
        event_key, digest, source, event_id, type, subject, occurred_at, via, body, place)
),
fresh as (  -- in order of keys, so that two calls with the same events cannot deadlock
    insert into event_keys (tenant, event_key, digest, received_at)
    select %(tenant)s, event_key, digest, %(at)s from arrival order by event_key
    on conflict do nothing
    returning event_key
),
body as (
    insert into events (tenant, received_at, event_key, source, event_id, type, subject,
        occurred_at, via, body)
    select %(tenant)s, %(at)s, event_key, source, event_id, type, subject,
        occurred_at::timestamptz, via, body
    from arrival join fresh using (event_key)
),
queue as (
    insert into pending_events (tenant, event_key, received_at)
    select %(tenant)s, event_key, %(at)s from arrival join fresh using (event_key) order by place
)
select event_key from fresh
"""

# A statement of its own: what a rival committed while `_ACCEPT` waited for it is visible only now.
_STORED = """
select event_key, digest from event_keys
where tenant = %(tenant)s and event_key = any(%(keys)b::bytea[])
"""

# Lateral with `offset 0`, here and elsewhere: each row is looked up by its key, in its partition,
# whatever a planner thinks of tables that it saw empty.
_TAKE = """
select p.position, p.event_key as key, p.received_at, e.source, e.event_id as id, e.type, e.body
from (
    select position, event_key, received_at from pending_events
    where tenant = %(tenant)s and true
    order by position limit %(limit)s for update skip locked
) p
cross join lateral (
    select source, event_id, type, body from events
    where tenant = %(tenant)s and received_at = p.received_at and event_key = p.event_key offset 0
) e
order by p.position
"""
_TAKE_ONLY = _TAKE.replace("and true", "and position = any(%(only)s::bigint[])")

# A statement of its own, so that what is taken next is seen as the last holder left it.
_LOCK_OUT = "select pg_try_advisory_xact_lock(%(name)s) as locked"

_REQUEUE = """
insert into pending_events (tenant, event_key, received_at)
select k.tenant, k.event_key, k.received_at from event_keys k
where k.tenant = %(tenant)s and k.event_key = %(key)s
    and not exists (
        select from routings r where r.tenant = k.tenant and r.event_key = k.event_key
            and r.received_at = k.received_at)
on conflict do nothing
"""
_DEPTH = "select count(*) as depth from pending_events where tenant = %(tenant)s"


class PostgresInbox:
    """See `ports.inbox.Inbox`."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    async def accept(self, arrivals: Sequence[Arrival], at: datetime) -> list[Acceptance]:
        """See `Inbox.accept`; one round trip unless something came before."""
        first: dict[bytes, Arrival] = {}
        for arrival in arrivals:
            first.setdefault(arrival.key, arrival)
        if not first:
            return []
        written = {key: arrival.envelope.written() for key, arrival in first.items()}
        digests = {key: digest for key, (digest, _) in written.items()}
        bodies = [body for _, body in written.values()]
        rows = {**_columns(first.values()), "digests": list(digests.values()), "bodies": bodies}
        async with connection(self._pool) as conn:
            values = {"tenant": self._tenant, "at": at, **rows}
            cursor = await conn.execute(_ACCEPT, values, binary=True)
            fresh = {row["event_key"] async for row in cursor}
            if known := [key for key in first if key not in fresh]:
                values = {"tenant": self._tenant, "keys": known}
                cursor = await conn.execute(_STORED, values, binary=True)
                digests |= {row["event_key"]: row["digest"] async for row in cursor}
        answers = []
        for arrival in arrivals:
            if arrival.key in fresh and arrival is first[arrival.key]:
                answers.append(Acceptance.ACCEPTED)
            elif arrival.envelope.digest == digests[arrival.key]:
                answers.append(Acceptance.DUPLICATE)
            else:
                answers.append(Acceptance.CONFLICT)
        return answers

    def take(
        self, limit: int, *, only: Sequence[int] | None = None, alone: bool = False
    ) -> AbstractAsyncContextManager[RoutingBatch]:
        """See `Inbox.take`; another round trip if `alone`."""
        return self._take(limit, None if only is None else list(only), alone=alone)

    @asynccontextmanager
    async def _take(
        self, limit: int, only: list[int] | None, *, alone: bool
    ) -> AsyncIterator[RoutingBatch]:
        async with transaction(self._pool) as conn:
            batch = PostgresRoutingBatch(conn, self._tenant)
            may = not alone or await self._is_first(conn)
            if may:
                rows = await self._pending(conn, limit, only)
                batch.events += [PendingEvent(**row) for row in rows]
            yield batch

    async def _is_first(self, conn: Connection) -> bool:
        """Whether nobody else routes alone; from now on nobody else does."""
        values = {"name": lock_name("routing", self._tenant)}
        row = await (await conn.execute(_LOCK_OUT, values)).fetchone()
        return row is not None and bool(row["locked"])

    async def _pending(
        self, conn: Connection, limit: int, only: list[int] | None
    ) -> Sequence[DictRow]:
        values = {"tenant": self._tenant, "limit": limit, "only": only}
        statement = _TAKE if only is None else _TAKE_ONLY
        return await (await conn.execute(statement, values, binary=True)).fetchall()

    async def requeue(self, key: bytes) -> bool:
        """See `Inbox.requeue`."""
        async with connection(self._pool) as conn:
            cursor = await conn.execute(_REQUEUE, {"tenant": self._tenant, "key": key})
            return cursor.rowcount == 1

    async def depth(self) -> int:
        """See `Inbox.depth`."""
        return await depth(self._pool, _DEPTH, self._tenant)


def _columns(arrivals: Collection[Arrival]) -> dict[str, object]:
    """What stands beside the bodies of some arrivals."""
    envelopes = [arrival.envelope for arrival in arrivals]
    return {
        "keys": [arrival.key for arrival in arrivals],
        "vias": [arrival.via for arrival in arrivals],
        "sources": [envelope.source for envelope in envelopes],
        "ids": [envelope.id for envelope in envelopes],
        "types": [envelope.type for envelope in envelopes],
        "subjects": [envelope.subject for envelope in envelopes],
        "times": [envelope.time and envelope.time.isoformat() for envelope in envelopes],
    }
