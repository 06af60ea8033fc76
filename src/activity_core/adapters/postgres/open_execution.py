"""The open runs of one execution: what they decided goes into runs, tasks and outbox, set-based.

Nobody waits for these statements: they travel with the commit. Arrays of text travel in binary:
psycopg would look at every character of the others, to escape it.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from activity_core.adapters.postgres.outbox import post
from activity_core.adapters.postgres.pool import Connection
from activity_core.adapters.postgres.storable import json_text, prose
from activity_core.core.run.run import OPEN, ClaimedRun, RunRecord
from activity_core.core.run.task import FINAL, NewTask, TaskStatus

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
# Arrays of arrays must be rectangular, so `needs` and `groups` travel as JSON.
_TASKS = """
insert into tasks (tenant, task_id, run_id, definition_id, version, rule, spec_id, item, kind,
    title, status, inputs, needs, queue, assignee, groups, wait, due_at, follow_up_at, wake_at,
    outcome, role, about, late, created_at, ready_at, finished_at)
select %(tenant)s, t.task_id, t.run_id, t.definition_id, t.version, t.rule, t.spec_id, t.item,
    t.kind, t.title, t.status, t.inputs::json,
    array(select json_array_elements_text(t.needs::json)), t.queue, t.assignee,
    array(select json_array_elements_text(t.groups::json)), t.wait, t.due_at,
    t.follow_up_at, t.wake_at, t.outcome, t.role, t.about, t.late, %(at)s,
    case when t.status <> 'pending' then %(at)s::timestamptz end,
    case when t.outcome is not null then %(at)s::timestamptz end
from unnest(%(ids)b::text[], %(runs)b::text[], %(definitions)b::text[], %(versions)s::int[],
    %(rules)b::text[], %(specs)b::text[], %(items)s::int[], %(kinds)b::text[], %(titles)b::text[],
    %(statuses)b::text[], %(inputs)b::text[], %(needs)b::text[], %(queues)b::text[],
    %(assignees)b::text[], %(groups)b::text[], %(waits)s::boolean[], %(due)s::timestamptz[],
    %(follow_ups)s::timestamptz[], %(wakes)s::timestamptz[], %(outcomes)b::text[],
    %(roles)b::text[], %(abouts)b::text[], %(lates)s::boolean[]
) as t (task_id, run_id, definition_id, version, rule, spec_id, item, kind, title, status,
    inputs, needs, queue, assignee, groups, wait, due_at, follow_up_at, wake_at, outcome, role,
    about, late)
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
        await self._write_tasks(
            [(open_[record.run_id], task) for record in fresh for task in record.tasks], at
        )
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

    async def _write_tasks(self, tasks: Sequence[tuple[ClaimedRun, NewTask]], at: datetime) -> None:
        if not tasks:
            return
        specs = [task.spec for _, task in tasks]
        values = {
            "tenant": self._tenant,
            "at": at,
            "ids": [spec.task_id for spec in specs],
            "runs": [run.run_id for run, _ in tasks],
            "definitions": [run.definition_id for run, _ in tasks],
            "versions": [run.version for run, _ in tasks],
            "rules": [spec.rule for spec in specs],
            "specs": [spec.spec_id for spec in specs],
            "items": [spec.item for spec in specs],
            "kinds": [spec.kind.value for spec in specs],
            "titles": [prose(spec.title) for spec in specs],
            "statuses": [task.status.value for _, task in tasks],
            "inputs": [json_text(spec.inputs) for spec in specs],
            "needs": [json_text(list(spec.needs)) for spec in specs],
            "queues": [spec.queue for spec in specs],
            "assignees": [spec.assignee for spec in specs],
            "groups": [json_text(list(spec.groups)) for spec in specs],
            "waits": [spec.wait for spec in specs],
            "due": [task.clock.due_at for _, task in tasks],
            "follow_ups": [task.clock.follow_up_at for _, task in tasks],
            "wakes": [task.clock.wake_at for _, task in tasks],
            "roles": [spec.role.value for spec in specs],
            "abouts": [spec.about for spec in specs],
            "lates": [spec.late for spec in specs],
            "outcomes": [_outcome(task.status) for _, task in tasks],
        }
        await self._conn.execute(_TASKS, values)


def _outcome(status: TaskStatus) -> str | None:
    """Of tasks that are over when they are recorded: events that left with the record."""
    if status not in FINAL:
        return None
    return "done" if status is TaskStatus.COMPLETED else status.value
