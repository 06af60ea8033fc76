"""The ledger of runs: an execution opens its runs under lock, records them, closes them.

Locks are taken in the order execution, runs (by id), outbox; only the queue knows runs before.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from itertools import compress

from psycopg.rows import DictRow

from activity_core.adapters.postgres.gap_document import gap_from_document
from activity_core.adapters.postgres.open_execution import PostgresOpenExecution
from activity_core.adapters.postgres.outbox import post
from activity_core.adapters.postgres.pool import Pool, connection, transaction
from activity_core.adapters.postgres.storable import json_text, prose
from activity_core.core.errors import NotFoundError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.occurrence import Occurrence, TriggerKind
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.run import ClaimedRun, RunFailure, RunStatus
from activity_core.ports.run_ledger import OpenExecution

_CLAIM = """
with lease as (
    update executions set lease_until = null
    where tenant = %(tenant)s and execution_id = %(execution)s and lease_until is not null
)
select from executions where tenant = %(tenant)s and execution_id = %(execution)s
"""
_OPEN = """
select r.run_id, r.definition_id, r.version, r.occurrence_key, r.trigger, r.scheduled_for,
    r.gap, r.input, r.attempt, r.status, r.recorded_at, given.bodies, given.leads,
    (
        select json_object_agg(c.source, c.data) from run_context c
        where c.tenant = r.tenant and c.run_id = r.run_id
    ) as gathered
from attempts a
join runs r using (tenant, run_id, attempt)
cross join lateral (
    select array_agg(e.body order by n.place) as bodies, array_agg(n.lead order by n.place) as leads
    from run_events n
    cross join lateral (
        select body from events
        where tenant = n.tenant and received_at = n.received_at and event_key = n.event_key offset 0
    ) e
    where n.tenant = r.tenant and n.run_id = r.run_id and n.given
) given
where a.tenant = %(tenant)s and a.execution_id = %(execution)s
    and r.status in ('pending', 'running')
    and (%(only)s::text[] is null or r.run_id = any(%(only)s::text[]))
order by r.run_id
for no key update of r
"""
_KEEP = """
insert into run_context (tenant, run_id, source, data)
values (%(tenant)s, %(run)s, %(source)s, %(data)s) on conflict do nothing
"""
_CLOSE = """
update runs set status = %(status)s, finished_at = %(at)s,
    failure_code = %(code)s, failure_message = %(message)s
where tenant = %(tenant)s and run_id = %(run)s and status in ('pending', 'running')
returning run_id
"""


class PostgresRunLedger:
    """See `ports.run_ledger.RunLedger`."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    def open(
        self, execution_id: str, at: datetime, *, only: Sequence[str] | None = None
    ) -> AbstractAsyncContextManager[OpenExecution]:
        """See `RunLedger.open`; one round trip, what is recorded goes with the commit."""
        return self._open(execution_id, at, None if only is None else list(only))

    @asynccontextmanager
    async def _open(
        self, execution_id: str, at: datetime, only: list[str] | None
    ) -> AsyncIterator[OpenExecution]:
        values = {"tenant": self._tenant, "execution": execution_id, "only": only}
        async with transaction(self._pool) as conn:
            found = await conn.execute(_CLAIM, values)
            opened = await conn.execute(_OPEN, values, binary=True)
            rows = await opened.fetchall()
            if not await found.fetchall():
                raise NotFoundError("no such execution", subject=f"execution {execution_id}")
            runs = [_claimed(row) for row in rows]
            execution = PostgresOpenExecution(conn, self._tenant, runs, at)
            yield execution
            await execution.mark_running()

    async def keep_gathered(self, run_id: str, source: str, data: JsonValue) -> None:
        """See `RunLedger.keep_gathered`."""
        values = {"tenant": self._tenant, "run": run_id, "source": source, "data": json_text(data)}
        async with connection(self._pool) as conn:
            await conn.execute(_KEEP, values)

    async def close(
        self,
        run_id: str,
        status: RunStatus,
        failure: RunFailure | None,
        at: datetime,
        announcements: Sequence[Announcement],
    ) -> bool:
        """See `RunLedger.close`."""
        values = {
            "tenant": self._tenant,
            "run": run_id,
            "status": status.value,
            "at": at,
            "code": failure.code if failure else None,
            "message": prose(failure.message) if failure else None,
        }
        async with transaction(self._pool) as conn:
            # Only who closes the run, and so holds its lock, announces it.
            closed = await (await conn.execute(_CLOSE, values)).fetchone()
            if closed:
                await post(conn, self._tenant, announcements, at)
        return closed is not None


def _claimed(row: DictRow) -> ClaimedRun:
    events = tuple(EventEnvelope.from_bytes(body) for body in row["bodies"] or ())
    return ClaimedRun(
        run_id=row["run_id"],
        definition_id=row["definition_id"],
        version=row["version"],
        occurrence=Occurrence(
            key=row["occurrence_key"],
            trigger=TriggerKind(row["trigger"]),
            scheduled_for=row["scheduled_for"],
            gap=gap_from_document(row["gap"]) if row["gap"] else None,
            event=next(compress(events, row["leads"] or ()), None),
            events=events,
            input=row["input"],
        ),
        attempt=row["attempt"],
        status=RunStatus.RUNNING,
        recorded=row["recorded_at"] is not None,
        gathered=row["gathered"] or {},
    )
