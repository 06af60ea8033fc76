"""A case under lock, and what its turns come to: statements of one transaction.

Nobody waits for them: they travel with the commit. Locks are taken in the order case, runs, outbox.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from psycopg.rows import DictRow

from activity_core.adapters.postgres import cases_queries as queries
from activity_core.adapters.postgres.open_execution import PostgresOpenExecution
from activity_core.adapters.postgres.pool import Connection
from activity_core.adapters.postgres.storable import json_text, prose
from activity_core.core import ids
from activity_core.core.case.case import Case, CaseStatus
from activity_core.core.expression.condition import rfc3339
from activity_core.core.jsontext import JsonValue
from activity_core.core.run.run import RunStatus
from activity_core.ports.cases import BY_ITSELF, CaseWork, QueuedRun


class PostgresOpenCase:
    """See `ports.cases.OpenCase`."""

    def __init__(
        self, conn: Connection, tenant: str, case: Case, queued: Sequence[QueuedRun]
    ) -> None:
        self._conn = conn
        self._tenant = tenant
        self.case = case
        self.queued = queued

    async def write(self, work: CaseWork, at: datetime) -> None:
        """See `OpenCase.write`."""
        if work.fired:
            await self._fire(work, at)
        if work.runs:
            await self._pin(work)
        if work.records:
            await self._record(work, at)
        await self._keep(work)

    async def close(self, by: str, at: datetime) -> None:
        """Close it, whatever its definition says, and have its workflow look."""
        case_id = self.case.case_id
        values = {"tenant": self._tenant, "case": case_id, "by": prose(by), "at": at}
        await self._conn.execute(queries.CLOSE, values)
        await self._conn.execute(queries.RING, {"tenant": self._tenant, "cases": [case_id]})

    async def _fire(self, work: CaseWork, at: datetime) -> None:
        fired = [each.run for each in work.fired]
        values = {
            "tenant": self._tenant,
            "case": self.case.case_id,
            "definition": self.case.definition_id,
            "at": at,
            "runs": [run.run_id for run in fired],
            "versions": [run.version for run in fired],
            "occurrences": [run.occurrence.key for run in fired],
            "timers": [run.occurrence.timer for run in fired],
            "times": [each.at for each in work.fired],
        }
        await self._conn.execute(queries.FIRE, values)
        taken = {record.run_id for record in work.records}
        for run in fired:
            if run.run_id not in taken:
                values |= {"run": run.run_id, "key": self.case.key, "hash": _hash(self.case)}
                await self._conn.execute(queries.QUEUE_TIMER, values)

    async def _pin(self, work: CaseWork) -> None:
        values = {
            "tenant": self._tenant,
            "case": self.case.case_id,
            "runs": [run.run_id for run in work.runs],
            "versions": [run.version for run in work.runs],
        }
        await self._conn.execute(queries.PIN, values)

    async def _record(self, work: CaseWork, at: datetime) -> None:
        execution = PostgresOpenExecution(self._conn, self._tenant, work.runs, at)
        await execution.record(work.records, at)
        taken = [record.run_id for record in work.records]
        await self._conn.execute(queries.TAKE_OFF, {"tenant": self._tenant, "runs": taken})
        left = [each.run_id for each in work.records if each.status is RunStatus.PENDING]
        if left:
            await self._conn.execute(queries.START, {"tenant": self._tenant, "runs": left})

    async def _keep(self, work: CaseWork) -> None:
        case, wakes = work.case, work.wakes
        values = {
            "tenant": self._tenant,
            "case": case.case_id,
            "version": case.version,
            "status": case.status.value,
            "state": None if case.state is None else json_text(dict(case.state)),
            "is_ending": case.is_ending,
            "fired": json_text({name: rfc3339(time) for name, time in case.fired.items()}),
            "taken": case.taken,
            "last_event_at": case.last_event_at,
            "wake_at": wakes.at if wakes else None,
            "waiting_for": wakes.name if wakes else None,
            "closed_at": case.closed_at,
            "closed_by": BY_ITSELF if case.closed_at else None,
        }
        await self._conn.execute(queries.KEEP, values)


def case_of(row: DictRow) -> Case:
    """From the columns of TAKE."""
    return Case(
        case_id=row["case_id"],
        definition_id=row["definition_id"],
        key=row["key"],
        number=row["number"],
        version=row["version"],
        opened_at=row["opened_at"],
        last_event_at=row["last_event_at"],
        status=CaseStatus(row["status"]),
        state=row["state"],
        is_ending=row["is_ending"],
        fired={name: datetime.fromisoformat(at) for name, at in row["fired"].items()},
        taken=row["taken"],
        closed_at=row["closed_at"],
    )


def case_item(row: DictRow) -> dict[str, JsonValue]:
    """See `CaseStore.page`."""
    return {
        "case_id": row["case_id"],
        "definition_id": row["definition_id"],
        "key": json.loads(row["key"]),
        "number": row["number"],
        "version": row["version"],
        "status": row["status"],
        "taken": row["taken"],
        "opened_at": rfc3339(row["opened_at"]),
        "last_event_at": rfc3339(row["last_event_at"]),
        "wake_at": row["wake_at"] and rfc3339(row["wake_at"]),
        "waiting_for": row["waiting_for"],
        "closed_at": row["closed_at"] and rfc3339(row["closed_at"]),
        "closed_by": row["closed_by"],
        "workflow_id": ids.case_workflow_id(row["definition_id"], row["key"], row["number"]),
    }


def _hash(case: Case) -> bytes:
    return ids.digest(case.key)
