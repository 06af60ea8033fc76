"""The slot ledger: cursors are planned, locked while they are settled, and audited.

What was settled is written by `settled_slots`, in the transaction that locked the cursors.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

from psycopg.rows import DictRow

from activity_core.adapters.postgres import slot_ledger_queries as queries
from activity_core.adapters.postgres.ending import lock_open_work
from activity_core.adapters.postgres.pool import Connection, Pool, connection, transaction
from activity_core.adapters.postgres.settled_slots import write_settled
from activity_core.adapters.postgres.storable import prose
from activity_core.core import ids
from activity_core.core.decision import Outcome
from activity_core.core.run.ending import OpenWork
from activity_core.ports.slot_ledger import (
    AuditRange,
    OpenCursor,
    OpenCursors,
    SettledSlots,
    SlotCursor,
)


class PostgresOpenCursors:
    """See `ports.slot_ledger.OpenCursors`."""

    def __init__(
        self, conn: Connection, tenant: str, due: Sequence[OpenCursor], recovery_rate: float
    ) -> None:
        self._conn = conn
        self._tenant = tenant
        self._recovery_rate = recovery_rate
        self.due = due

    async def taken(
        self, slots: Mapping[str, Sequence[datetime]]
    ) -> Mapping[str, Mapping[datetime, str]]:
        """See `OpenCursors.taken`; one round trip."""
        runs = {
            ids.run_id(self._tenant, definition_id, ids.occurrence_of_slot(slot)): (
                definition_id,
                slot,
            )
            for definition_id, listed in slots.items()
            for slot in listed
        }
        values = {"tenant": self._tenant, "runs": list(runs)}
        found: dict[str, dict[datetime, str]] = {}
        async for row in await self._conn.execute(queries.TAKEN, values):
            definition_id, slot = runs[row["run_id"]]
            found.setdefault(definition_id, {})[slot] = row["run_id"]
        return found

    async def open_work(self, run_ids: Sequence[str]) -> Sequence[OpenWork]:
        """See `OpenCursors.open_work`; one round trip."""
        return await lock_open_work(self._conn, self._tenant, run_ids)

    async def write(self, settled: Sequence[SettledSlots], at: datetime) -> None:
        """See `OpenCursors.write`."""
        await write_settled(self._conn, self._tenant, settled, at, self._recovery_rate)


class PostgresSlotLedger:
    """See `ports.slot_ledger.SlotLedger`."""

    def __init__(self, pool: Pool, tenant: str, recovery_rate: float) -> None:
        """`recovery_rate`: runs a second that may make up for missed slots, of all definitions."""
        self._pool = pool
        self._tenant = tenant
        self._recovery_rate = recovery_rate

    async def cursors(self) -> Mapping[str, SlotCursor]:
        """See `SlotLedger.cursors`."""
        async with connection(self._pool) as conn:
            rows = await conn.execute(queries.CURSORS, {"tenant": self._tenant})
            return {row["definition_id"]: SlotCursor(**row) async for row in rows}

    async def plan(self, cursors: Sequence[SlotCursor]) -> None:
        """See `SlotLedger.plan`."""
        values = {
            "tenant": self._tenant,
            "definitions": [cursor.definition_id for cursor in cursors],
            "plans": [cursor.plan for cursor in cursors],
            "covered": [cursor.covered_until for cursor in cursors],
            "slots": [cursor.next_slot for cursor in cursors],
            "wakes": [cursor.wake_at for cursor in cursors],
        }
        async with connection(self._pool) as conn:
            await conn.execute(queries.PLAN, values)

    async def due(self, at: datetime, limit: int) -> Mapping[str, datetime]:
        """See `SlotLedger.due`."""
        values = {"tenant": self._tenant, "at": at, "limit": limit}
        async with connection(self._pool) as conn:
            rows = await conn.execute(queries.DUE, values)
            return {row["definition_id"]: row["covered_until"] async for row in rows}

    def open_due(
        self, definition_ids: Sequence[str], at: datetime
    ) -> AbstractAsyncContextManager[OpenCursors]:
        """See `SlotLedger.open_due`; two round trips."""
        return self._open(list(definition_ids), at)

    @asynccontextmanager
    async def _open(self, definition_ids: list[str], at: datetime) -> AsyncIterator[OpenCursors]:
        values = {"tenant": self._tenant, "definitions": definition_ids, "at": at}
        async with transaction(self._pool) as conn:
            rows = await (await conn.execute(queries.LOCK, values)).fetchall()
            cursors = sorted(
                (SlotCursor(**row) for row in rows), key=lambda cursor: cursor.definition_id
            )
            values = {
                "tenant": self._tenant,
                "definitions": [cursor.definition_id for cursor in cursors],
            }
            open_runs = await conn.execute(queries.OPEN_RUNS, values)
            held = await conn.execute(queries.HELD, values)
            due = _opened(cursors, await open_runs.fetchall(), await held.fetchall())
            yield PostgresOpenCursors(conn, self._tenant, due, self._recovery_rate)

    async def overdue(self, at: datetime) -> bool:
        """See `SlotLedger.overdue`."""
        values = {"tenant": self._tenant, "at": at}
        async with connection(self._pool) as conn:
            row = await (await conn.execute(queries.OVERDUE, values)).fetchone()
        return row is not None and bool(row["overdue"])

    async def decided(
        self, definition_id: str, after: datetime, until: datetime
    ) -> Mapping[datetime, Outcome]:
        """See `SlotLedger.decided`."""
        values = {
            "tenant": self._tenant,
            "definition": definition_id,
            "after": after,
            "until": until,
        }
        async with connection(self._pool) as conn:
            rows = await conn.execute(queries.DECIDED, values)
            return {row["slot"]: Outcome(row["outcome"]) async for row in rows}

    async def unaudited(self, limit: int, *, before: datetime) -> Sequence[AuditRange]:
        """See `SlotLedger.unaudited`."""
        values = {"tenant": self._tenant, "limit": limit, "before": before}
        async with connection(self._pool) as conn:
            rows = await conn.execute(queries.UNAUDITED, values)
            return [AuditRange(**row) async for row in rows]

    async def mark_audited(self, ranges: Sequence[AuditRange]) -> None:
        """See `SlotLedger.mark_audited`."""
        values = {
            "tenant": self._tenant,
            "definitions": [part.definition_id for part in ranges],
            "untils": [part.until for part in ranges],
        }
        async with connection(self._pool) as conn:
            await conn.execute(queries.AUDITED, values)

    async def write_unexplained(
        self, definition_id: str, version: int, slots: Sequence[datetime], reason: str, at: datetime
    ) -> None:
        """See `SlotLedger.write_unexplained`; waits for whoever is settling the definition."""
        values = {
            "tenant": self._tenant,
            "definition": definition_id,
            "version": version,
            "inputs": [ids.occurrence_of_slot(slot) for slot in slots],
            "slots": list(slots),
            "reason": prose(reason),
            "at": at,
        }
        async with transaction(self._pool) as conn:
            await conn.execute(queries.LOCK_ONE, values)
            await conn.execute(queries.UNEXPLAINED, values)


def _opened(
    cursors: Sequence[SlotCursor], open_runs: Sequence[DictRow], held: Sequence[DictRow]
) -> list[OpenCursor]:
    runs: defaultdict[str, list[str]] = defaultdict(list)
    for row in open_runs:
        runs[row["definition_id"]].append(row["run_id"])
    slots: defaultdict[str, list[datetime]] = defaultdict(list)
    for row in held:
        slots[row["definition_id"]].append(ids.slot_of_occurrence(row["input_key"]))
    return [
        OpenCursor(cursor, runs[cursor.definition_id], slots[cursor.definition_id])
        for cursor in cursors
    ]
