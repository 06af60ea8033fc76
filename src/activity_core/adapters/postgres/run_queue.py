"""The queue of decided runs: manual requests come in, executions are committed and leased.

Locks are taken in the order queue row, run (by id), execution; nobody goes the other way.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from psycopg.rows import DictRow

from activity_core.adapters.postgres import run_queue_queries as queries
from activity_core.adapters.postgres.pool import Pool, connection, depth, transaction
from activity_core.adapters.postgres.storable import json_text, prose
from activity_core.core import ids
from activity_core.core.run.run import Execution, PendingRun, RunStatus
from activity_core.ports.run_queue import (
    ManualRequest,
    OpenRun,
    PendingTask,
    Signal,
    SignalKind,
    Submission,
)


class PostgresRunQueue:
    """See `ports.run_queue.RunQueue`."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    async def submit(self, request: ManualRequest, at: datetime) -> Submission:
        """See `RunQueue.submit`; one round trip."""
        run = ids.run_id(self._tenant, request.definition_id, request.occurrence_key)
        given = json_text(request.input)
        values = {
            "tenant": self._tenant,
            "at": at,
            "run": run,
            "definition": request.definition_id,
            "version": request.version,
            "occurrence": request.occurrence_key,
            "input": given,
            "size": len(given),
            "reason": prose(f"requested by {request.actor}"),
        }
        async with connection(self._pool) as conn:
            cursor = await conn.execute(queries.SUBMIT, values)
        return Submission(run, created=cursor.rowcount == 1)

    async def compose(
        self,
        limit: int,
        composer: Callable[[Sequence[PendingRun]], Sequence[Execution]],
        *,
        at: datetime,
        lease: timedelta,
    ) -> list[Execution]:
        """See `RunQueue.compose`; one round trip before the composer and one after."""
        async with transaction(self._pool) as conn:
            values = {"tenant": self._tenant, "at": at, "limit": limit}
            cursor = await conn.execute(queries.PENDING, values)
            rows = sorted(await cursor.fetchall(), key=lambda row: int(row["place"]))
            waiting = {row["run_id"]: row for row in rows if row["status"] == RunStatus.PENDING}
            closed = [row["run_id"] for row in rows if row["run_id"] not in waiting]
            executions = list(composer([_pending(row) for row in waiting.values()]))
            members = [waiting[run] for execution in executions for run in execution.runs]
            values |= {
                "until": at + lease,
                "executions": [execution.execution_id for execution in executions],
                "workflows": [execution.workflow_id for execution in executions],
            }
            await conn.execute(queries.EXECUTIONS, values)
            values |= {
                "executions": [one.execution_id for one in executions for _ in one.runs],
                "runs": [row["run_id"] for row in members],
                "attempts": [row["attempt"] for row in members],
            }
            await conn.execute(queries.ATTEMPTS, values)
            values |= {"runs": [*closed, *(row["run_id"] for row in members)]}
            await conn.execute(queries.TAKE_OFF, values)
        return executions

    async def overdue(self, limit: int, *, at: datetime, lease: timedelta) -> list[Execution]:
        """See `RunQueue.overdue`."""
        values = {"tenant": self._tenant, "at": at, "until": at + lease, "limit": limit}
        async with connection(self._pool) as conn:
            cursor = await conn.execute(queries.OVERDUE, values)
            return [
                Execution(
                    row["execution_id"],
                    row["workflow_id"],
                    tuple(row["runs"]),
                    tuple(sorted(row["definitions"])),
                    row["priority"],
                    tuple(sorted(row["versions"])),
                    tuple(sorted(row["occurrences"])),
                )
                async for row in cursor
            ]

    async def mark_started(self, execution_ids: Sequence[str]) -> None:
        """See `RunQueue.mark_started`."""
        values = {"tenant": self._tenant, "executions": list(execution_ids)}
        async with connection(self._pool) as conn:
            await conn.execute(queries.STARTED, values)

    async def depth(self) -> int:
        """See `RunQueue.depth`."""
        return await depth(self._pool, queries.DEPTH, self._tenant)

    async def take_tasks(self, limit: int) -> list[PendingTask]:
        """See `RunQueue.take_tasks`."""
        values = {"tenant": self._tenant, "limit": limit}
        async with connection(self._pool) as conn:
            cursor = await conn.execute(queries.TASKS, values)
            return [PendingTask(**row) async for row in cursor]

    async def drop_tasks(self, positions: Sequence[int]) -> None:
        """See `RunQueue.drop_tasks`."""
        values = {"tenant": self._tenant, "positions": list(positions)}
        async with connection(self._pool) as conn:
            await conn.execute(queries.DROP_TASKS, values)

    async def take_signals(self, limit: int) -> list[Signal]:
        """See `RunQueue.take_signals`."""
        values = {"tenant": self._tenant, "limit": limit}
        async with connection(self._pool) as conn:
            cursor = await conn.execute(queries.SIGNALS, values)
            return [Signal(**row | {"kind": SignalKind(row["kind"])}) async for row in cursor]

    async def drop_signals(self, positions: Sequence[int]) -> None:
        """See `RunQueue.drop_signals`."""
        values = {"tenant": self._tenant, "positions": list(positions)}
        async with connection(self._pool) as conn:
            await conn.execute(queries.DROP_SIGNALS, values)

    async def open_runs(self, limit: int, *, untouched_since: datetime) -> list[OpenRun]:
        """See `RunQueue.open_runs`."""
        values = {"tenant": self._tenant, "limit": limit, "since": untouched_since}
        async with connection(self._pool) as conn:
            cursor = await conn.execute(queries.OPEN, values)
            return [OpenRun(**row | {"status": RunStatus(row["status"])}) async for row in cursor]

    async def touch(self, run_ids: Sequence[str], at: datetime) -> None:
        """See `RunQueue.touch`."""
        values = {"tenant": self._tenant, "runs": list(run_ids), "at": at}
        async with connection(self._pool) as conn:
            await conn.execute(queries.TOUCH, values)

    async def restart(self, run_id: str, at: datetime) -> None:
        """See `RunQueue.restart`."""
        values = {"tenant": self._tenant, "run": run_id, "at": at}
        async with connection(self._pool) as conn:
            await conn.execute(queries.RESTART, values)


def _pending(row: DictRow) -> PendingRun:
    return PendingRun(
        row["run_id"],
        row["definition_id"],
        row["version"],
        row["occurrence_key"],
        row["attempt"],
        row["priority"],
        row["size"],
    )
