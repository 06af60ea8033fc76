"""The ledger of runs: an execution opens its runs under lock, records them, closes them.

Locks are taken in the order execution, runs (by id), outbox; only the queue knows runs before.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

from activity_core.adapters.postgres.claimed_run import COLUMNS, GIVEN, claimed_run
from activity_core.adapters.postgres.open_execution import PostgresOpenExecution
from activity_core.adapters.postgres.outbox import post
from activity_core.adapters.postgres.pool import Pool, connection, transaction
from activity_core.adapters.postgres.storable import json_text, prose
from activity_core.core.errors import NotFoundError
from activity_core.core.jsontext import JsonValue
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.run import RunFailure, RunStatus
from activity_core.ports.run_ledger import OpenExecution, RunMaterial

_CLAIM = """
with lease as (
    update executions set lease_until = null
    where tenant = %(tenant)s and execution_id = %(execution)s and lease_until is not null
)
select from executions where tenant = %(tenant)s and execution_id = %(execution)s
"""
_OPEN = f"""
select {COLUMNS}
from attempts a
join runs r using (tenant, run_id, attempt)
{GIVEN}
where a.tenant = %(tenant)s and a.execution_id = %(execution)s
    and r.status in ('pending', 'running')
    and (%(only)s::text[] is null or r.run_id = any(%(only)s::text[]))
order by r.run_id
for no key update of r
"""  # noqa: S608 - constant parts
_MATERIAL = f"""
select {COLUMNS}, r.context_snapshot
from runs r
{GIVEN}
where r.tenant = %(tenant)s and r.run_id = %(run)s and r.context_snapshot is not null
"""  # noqa: S608 - constant parts
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
            runs = [claimed_run(row) for row in rows]
            execution = PostgresOpenExecution(conn, self._tenant, runs, at)
            yield execution
            await execution.mark_running()

    async def material(self, run_id: str) -> RunMaterial:
        """See `RunLedger.material`."""
        values = {"tenant": self._tenant, "run": prose(run_id)}
        async with connection(self._pool) as conn:
            row = await (await conn.execute(_MATERIAL, values, binary=True)).fetchone()
        if row is None:
            raise NotFoundError("no such recorded run", subject=f"run {run_id}")
        run = claimed_run(row)
        return RunMaterial(
            run.definition_id, run.version, run.attempt, run.occurrence, row["context_snapshot"]
        )

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
