"""Cases in PostgreSQL: opened and rung by doorbells, locked for their turns, listed.

Starters lock open cases in the order of their keys and pass over those that are being taken.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

from psycopg.rows import DictRow

from activity_core.adapters.postgres import cases_queries as queries
from activity_core.adapters.postgres.claimed_run import claimed_run
from activity_core.adapters.postgres.open_case import PostgresOpenCase, case_item, case_of
from activity_core.adapters.postgres.paging import Listing, page_of
from activity_core.adapters.postgres.pool import Connection, Pool, connection, transaction
from activity_core.adapters.postgres.storable import prose
from activity_core.core import ids
from activity_core.core.case.case import CaseStatus
from activity_core.core.errors import ConflictError, NotFoundError
from activity_core.core.expression.condition import rfc3339
from activity_core.core.jsontext import canonical_json
from activity_core.core.run.run import ClaimedRun, RunStatus
from activity_core.ports.cases import OpenCase, QueuedRun, Ring
from activity_core.ports.reading import Page, Query, Row

_CASES = Listing(
    select=queries.ITEMS,
    place=("c.opened_at", "c.case_id"),
    filters={
        "definition_id": "c.definition_id = %(definition_id)s",
        "status": "c.status = %(status)s",
        "key": "c.key_hash = any(%(hashes)s::bytea[]) and %(key)s::text is not null",
    },
    item=case_item,
)
_Key = tuple[str, bytes]
_Rung = tuple[str, str, tuple[str, int]]
"""Case, workflow, and version of the definition."""


class PostgresCases:
    """See `ports.cases.CaseStore`."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    async def rings(self, limit: int, at: datetime) -> Sequence[Ring]:
        """See `CaseStore.rings`."""
        async with transaction(self._pool) as conn:
            values = {"tenant": self._tenant, "limit": limit}
            bells = await (await conn.execute(queries.BELLS, values)).fetchall()
            if not bells:
                return []
            keys = sorted({_key(row) for row in bells if row["is_queued"]})
            there = await self._locked_or_opened(conn, keys, at) if keys else {}
            rung: defaultdict[_Rung, list[int]] = defaultdict(list)
            idle = []
            for bell in bells:
                case = bell if bell["case_id"] else there.get(_key(bell))
                if case is not None:
                    rung[_rung(case)].append(bell["position"])
                elif not bell["is_queued"]:
                    idle.append(bell["position"])
            await self._drop(conn, idle)
        return [Ring(*case, positions) for case, positions in rung.items()]

    async def _locked_or_opened(
        self, conn: Connection, keys: Sequence[_Key], at: datetime
    ) -> dict[_Key, DictRow]:
        """Open cases of keys that nobody is taking turns of."""
        values: dict[str, object] = {
            "tenant": self._tenant,
            "definitions": [definition_id for definition_id, _ in keys],
            "hashes": [key_hash for _, key_hash in keys],
        }
        locked = await (await conn.execute(queries.LOCK, values)).fetchall()
        wanted = await (await conn.execute(queries.WANTED, values)).fetchall()
        if not wanted:
            return {_key(row): row for row in locked}
        values = {
            "tenant": self._tenant,
            "at": at,
            "cases": [_case_id(self._tenant, row) for row in wanted],
            "definitions": [row["definition_id"] for row in wanted],
            "hashes": [row["key_hash"] for row in wanted],
            "keys": [row["key"] for row in wanted],
            "numbers": [row["number"] for row in wanted],
            "versions": [row["version"] for row in wanted],
            "times": [row["fired_at"] for row in wanted],
        }
        opened = await (await conn.execute(queries.OPEN, values)).fetchall()
        return {_key(row): row for row in [*locked, *opened]}

    async def drop_rings(self, rings: Sequence[Ring]) -> None:
        """See `CaseStore.drop_rings`."""
        async with connection(self._pool) as conn:
            await self._drop(conn, [position for ring in rings for position in ring.positions])

    async def _drop(self, conn: Connection, positions: Sequence[int]) -> None:
        if positions:
            values = {"tenant": self._tenant, "positions": list(positions)}
            await conn.execute(queries.DROP_BELLS, values)

    def open(self, case_id: str, limit: int) -> AbstractAsyncContextManager[OpenCase]:
        """See `CaseStore.open`; one round trip, what is written goes with the commit."""
        return self._open(case_id, limit)

    @asynccontextmanager
    async def _open(self, case_id: str, limit: int) -> AsyncIterator[PostgresOpenCase]:
        values = {"tenant": self._tenant, "case": case_id, "limit": limit}
        async with transaction(self._pool) as conn:
            found = await conn.execute(queries.TAKE, values)
            queued = await conn.execute(queries.QUEUED, values, binary=True)
            rows = await queued.fetchall()
            row = await found.fetchone()
            if row is None:
                raise _no_such(case_id)
            waiting = [each for each in rows if each["status"] == RunStatus.PENDING]
            if gone := [each["run_id"] for each in rows if each not in waiting]:
                await conn.execute(queries.TAKE_OFF, values | {"runs": gone})
            runs = [QueuedRun(claimed_run(each), each["fired_at"]) for each in waiting]
            yield PostgresOpenCase(conn, self._tenant, case_of(row), runs)

    async def queued_run(self, run_id: str) -> ClaimedRun | None:
        """See `CaseStore.queued_run`."""
        values = {"tenant": self._tenant, "run": run_id}
        async with connection(self._pool) as conn:
            found = await conn.execute(queries.QUEUED_RUN, values, binary=True)
            row = await found.fetchone()
        return None if row is None else claimed_run(row)

    async def close(self, case_id: str, by: str, at: datetime) -> None:
        """See `CaseStore.close`."""
        async with self._open(case_id, 1) as opened:
            if opened.case.status is CaseStatus.CLOSED:
                return
            if opened.queued:
                raise ConflictError(
                    "runs wait for their turn in it",
                    subject=f"case {case_id}",
                    hint="try again in a moment",
                )
            await opened.close(by, at)

    async def untouched(self, limit: int, since: datetime) -> Sequence[Ring]:
        """See `CaseStore.untouched`."""
        values = {"tenant": self._tenant, "since": since, "limit": limit}
        async with connection(self._pool) as conn:
            cursor = await conn.execute(queries.UNTOUCHED, values)
            return [Ring(*_rung(row), ()) async for row in cursor]

    async def touch(self, well: Sequence[str], lost: Sequence[str], at: datetime) -> None:
        """See `CaseStore.touch`."""
        values = {"tenant": self._tenant, "at": at}
        async with transaction(self._pool) as conn:
            await conn.execute(queries.TOUCH, values | {"cases": [*well, *lost]})
            await conn.execute(queries.RING, values | {"cases": list(lost)})

    async def page(self, query: Query) -> Page:
        """See `CaseStore.page`."""
        key = query.filters.get("key", "")
        hashes = [ids.digest(key), ids.digest(canonical_json(key))]
        async with connection(self._pool) as conn:
            values = {"tenant": self._tenant, "hashes": hashes}
            return await page_of(conn, _CASES, query, values)

    async def show(self, case_id: str) -> Row:
        """See `CaseStore.show`."""
        values = {"tenant": self._tenant, "case": prose(case_id)}
        async with connection(self._pool) as conn:
            found = await conn.execute(queries.DETAIL, values)
            row = await found.fetchone()
            if row is None:
                raise _no_such(case_id)
            queued = await (await conn.execute(queries.QUEUED_IDS, values)).fetchall()
            runs = await (await conn.execute(queries.RUNS, values)).fetchall()
        return case_item(row) | {
            "state": row["state"],
            "queued": [each["run_id"] for each in queued],
            "runs": [each | {"fired_at": rfc3339(each["fired_at"])} for each in runs],
        }


def _no_such(case_id: str) -> NotFoundError:
    return NotFoundError("no such case", subject=f"case {case_id}")


def _key(row: DictRow) -> _Key:
    return row["definition_id"], bytes(row["key_hash"])


def _case_id(tenant: str, row: DictRow) -> str:
    return ids.case_id(tenant, row["definition_id"], row["key"], row["number"])


def _rung(row: DictRow) -> _Rung:
    workflow_id = ids.case_workflow_id(row["definition_id"], row["key"], row["number"])
    return row["case_id"], workflow_id, (row["definition_id"], row["version"])
