"""Backfills: requested with all their slots, released a few at a time under the backfill's lock.

Locks are taken in the order backfill, run (by id); nobody goes the other way.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from psycopg.rows import DictRow

from activity_core.adapters.postgres import backfills_queries as queries
from activity_core.adapters.postgres.pool import Connection, Pool, connection, transaction
from activity_core.adapters.postgres.storable import prose
from activity_core.core import ids
from activity_core.core.errors import NotFoundError
from activity_core.ports.backfills import (
    BackfillOrder,
    BackfillProgress,
    BackfillRequest,
    BackfillStatus,
    decided_because,
)


class PostgresBackfills:
    """See `ports.backfills.Backfills`."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    async def existing(self, definition_id: str, slots: Sequence[datetime]) -> dict[datetime, str]:
        """See `Backfills.existing`."""
        values = {
            "tenant": self._tenant,
            "definition": definition_id,
            "slots": list(slots),
            "occurrences": [ids.occurrence_of_slot(slot) for slot in slots],
        }
        async with connection(self._pool) as conn:
            cursor = await conn.execute(queries.EXISTING, values)
            return {
                ids.slot_of_occurrence(row["occurrence"]): row["run_id"] async for row in cursor
            }

    async def request(self, request: BackfillRequest, at: datetime) -> bool:
        """See `Backfills.request`."""
        values = {
            "tenant": self._tenant,
            "backfill": request.backfill_id,
            "definition": request.definition_id,
            "first": request.first,
            "last": request.last,
            "turns": request.order.value,
            "max_concurrent": request.max_concurrent,
            "actor": prose(request.actor),
            "reason": prose(request.reason),
            "at": at,
            "slots": list(request.slots),
            "occurrences": [ids.occurrence_of_slot(slot) for slot in request.slots],
        }
        async with transaction(self._pool) as conn:
            created = await (await conn.execute(queries.REQUEST, values)).fetchone()
            if created is None:
                return False
            await conn.execute(queries.SLOTS, values)
            return True

    async def running(self) -> frozenset[str]:
        """See `Backfills.running`."""
        async with connection(self._pool) as conn:
            cursor = await conn.execute(queries.RUNNING, {"tenant": self._tenant})
            return frozenset([row["definition_id"] async for row in cursor])

    async def release(self, at: datetime, version_of: Callable[[str], int | None]) -> int:
        """See `Backfills.release`; three round trips when there is something to make."""
        async with transaction(self._pool) as conn:
            cursor = await conn.execute(queries.LOCK, {"tenant": self._tenant})
            locked = [row["backfill_id"] async for row in cursor]
            values = {"tenant": self._tenant, "locked": locked}
            rows = await (await conn.execute(queries.RELEASABLE, values)).fetchall()
            over = [row["backfill_id"] for row in rows if not row["next"] and not row["busy"]]
            if over:
                await conn.execute(
                    queries.COMPLETE, {"tenant": self._tenant, "over": over, "at": at}
                )
            turns = self._turns(rows, version_of)
            return await self._make_runs(conn, turns, at) if turns else 0

    def _turns(
        self, rows: Sequence[DictRow], version_of: Callable[[str], int | None]
    ) -> Sequence[Mapping[str, object]]:
        """The slots whose turn it is. What two backfills want, the second finds taken next time."""
        turns: dict[str, Mapping[str, object]] = {}
        for row in rows:
            definition_id, backfill_id = row["definition_id"], row["backfill_id"]
            version = version_of(definition_id)
            free = max(0, row["max_concurrent"] - row["busy"])
            for slot in row["next"][:free] if version is not None else []:
                occurrence = ids.occurrence_of_slot(slot)
                run_id = ids.run_id(self._tenant, definition_id, occurrence)
                turn = {
                    "backfills": backfill_id,
                    "definitions": definition_id,
                    "versions": version,
                    "slots": slot,
                    "inputs": ids.input_of_backfill(backfill_id, slot),
                    "occurrences": occurrence,
                    "runs": run_id,
                    "reasons": decided_because(row["actor"], row["reason"]),
                }
                turns.setdefault(run_id, turn)
        return list(turns.values())

    async def _make_runs(
        self, conn: Connection, turns: Sequence[Mapping[str, object]], at: datetime
    ) -> int:
        columns = {name: [turn[name] for turn in turns] for name in turns[0]}
        values = {"tenant": self._tenant, "at": at, **columns}
        cursor = await conn.execute(queries.RELEASE, values)
        return sum(not row["existing"] for row in await cursor.fetchall())

    async def stop(self, backfill_id: str, at: datetime) -> None:
        """See `Backfills.stop`."""
        values = {"tenant": self._tenant, "backfill": prose(backfill_id), "at": at}
        async with connection(self._pool) as conn:
            stopped = (await conn.execute(queries.STOP, values)).rowcount == 1
        if not stopped:
            await self.progress(backfill_id)

    async def progress(self, backfill_id: str) -> BackfillProgress:
        """See `Backfills.progress`."""
        values = {"tenant": self._tenant, "backfill": prose(backfill_id), "limit": 1}
        async with connection(self._pool) as conn:
            row = await (await conn.execute(queries.ONE, values)).fetchone()
        if row is None:
            raise NotFoundError("no such backfill", subject=f"backfill {backfill_id}")
        return _progress(row)

    async def recent(self, definition_id: str | None, limit: int) -> list[BackfillProgress]:
        """See `Backfills.recent`."""
        query = queries.RECENT if definition_id is None else queries.RECENT_OF_DEFINITION
        values = {"tenant": self._tenant, "definition": prose(definition_id or ""), "limit": limit}
        async with connection(self._pool) as conn:
            return [_progress(row) async for row in await conn.execute(query, values)]


def _progress(row: DictRow) -> BackfillProgress:
    return BackfillProgress(
        backfill_id=row["backfill_id"],
        definition_id=row["definition_id"],
        first=row["first"],
        last=row["last"],
        order=BackfillOrder(row["turns"]),
        max_concurrent=row["max_concurrent"],
        actor=row["actor"],
        reason=row["reason"],
        status=BackfillStatus(row["status"]),
        slots=sum(row["counts"].values()),
        counts=row["counts"],
        requested_at=row["requested_at"],
        finished_at=row["finished_at"],
    )
