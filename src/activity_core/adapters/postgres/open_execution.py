"""The open runs of one execution: what they decided goes into runs, tasks and outbox, set-based.

Nobody waits for these statements: they travel with the commit. Arrays of text travel in binary:
psycopg would look at every character of the others, to escape it.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from activity_core.adapters.postgres.new_tasks import insert, insert_waiting
from activity_core.adapters.postgres.outbox import post
from activity_core.adapters.postgres.pool import Connection
from activity_core.adapters.postgres.storable import json_text, prose
from activity_core.core.run.run import OPEN, ClaimedRun, RunRecord

_RUNS = """
update runs r
set status = n.status, started_at = coalesce(r.started_at, %(opened)s), recorded_at = %(at)s,
    finished_at = case when n.final then %(at)s::timestamptz end,
    context_snapshot = n.snapshot::json, context_hash = n.hash, rules = n.rules::json,
    failure_code = n.code, failure_message = n.message
from unnest(%(runs)b::text[], %(statuses)b::text[], %(final)s::boolean[], %(snapshots)b::text[],
    %(hashes)b::text[], %(rules)b::text[], %(codes)b::text[], %(messages)b::text[]
) as n (run_id, status, final, snapshot, hash, rules, code, message)
where r.tenant = %(tenant)s and r.run_id = n.run_id
"""
_RUNNING = """
update runs set status = 'running', started_at = coalesce(started_at, %(at)s)
where tenant = %(tenant)s and run_id = any(%(runs)s::text[]) and status = 'pending'
"""


class PostgresOpenExecution:
    """See `ports.run_ledger.OpenExecution`."""

    def __init__(
        self, conn: Connection, tenant: str, runs: Sequence[ClaimedRun], opened_at: datetime
    ) -> None:
        self._conn = conn
        self._tenant = tenant
        self._opened_at = opened_at
        self._written: set[str] = set()
        self.runs = runs

    async def record(self, records: Sequence[RunRecord], at: datetime) -> None:
        """See `OpenExecution.record`."""
        open_ = {run.run_id: run for run in self.runs if not run.recorded}
        fresh = [
            record
            for record in records
            if record.run_id in open_ and record.run_id not in self._written
        ]
        if not fresh:
            return
        self._written.update(record.run_id for record in fresh)
        await self._write_runs(fresh, at)
        tasks = [(open_[record.run_id], task) for record in fresh for task in record.tasks]
        await insert(self._conn, self._tenant, tasks, at)
        told = [(open_[record.run_id], task) for record in fresh for task in record.notifications]
        await insert_waiting(self._conn, self._tenant, told, at)
        said = [announcement for record in fresh for announcement in record.announcements]
        await post(self._conn, self._tenant, said, at)

    async def mark_running(self) -> None:
        """What was claimed and not recorded is running from now on."""
        claimed = [run.run_id for run in self.runs if run.run_id not in self._written]
        if claimed:
            values = {"tenant": self._tenant, "at": self._opened_at, "runs": claimed}
            await self._conn.execute(_RUNNING, values)

    async def _write_runs(self, records: Sequence[RunRecord], at: datetime) -> None:
        values = {
            "tenant": self._tenant,
            "at": at,
            "opened": self._opened_at,
            "runs": [record.run_id for record in records],
            "statuses": [record.status.value for record in records],
            "final": [record.status not in OPEN for record in records],
            "snapshots": [record.snapshot.decode() or None for record in records],
            "hashes": [record.context_hash or None for record in records],
            "rules": [json_text([asdict(rule) for rule in record.rules]) for record in records],
            "codes": [record.failure.code if record.failure else None for record in records],
            "messages": [
                prose(record.failure.message) if record.failure else None for record in records
            ],
        }
        await self._conn.execute(_RUNS, values)
