"""New tasks on their way into their table, set-based.

Arrays of text travel in binary: psycopg would look at every character of the others, to escape it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from activity_core.adapters.postgres.pool import Connection
from activity_core.adapters.postgres.storable import json_text, prose
from activity_core.core.run.task import FINAL, NewTask, TaskStatus

# Arrays of arrays must be rectangular, so `needs` and `groups` travel as JSON.
_INSERT = """
insert into tasks (tenant, task_id, run_id, definition_id, version, rule, spec_id, item, kind,
    title, status, inputs, needs, queue, assignee, groups, wait, due_at, follow_up_at, wake_at,
    outcome, role, about, late, undo, created_at, ready_at, finished_at)
select %(tenant)s, t.task_id, t.run_id, t.definition_id, t.version, t.rule, t.spec_id, t.item,
    t.kind, t.title, t.status, t.inputs::json,
    array(select json_array_elements_text(t.needs::json)), t.queue, t.assignee,
    array(select json_array_elements_text(t.groups::json)), t.wait, t.due_at,
    t.follow_up_at, t.wake_at, t.outcome, t.role, t.about, t.late, t.undo, %(at)s,
    case when t.status <> 'pending' then %(at)s::timestamptz end,
    case when t.outcome is not null then %(at)s::timestamptz end
from unnest(%(ids)b::text[], %(runs)b::text[], %(definitions)b::text[], %(versions)s::int[],
    %(rules)b::text[], %(specs)b::text[], %(items)s::int[], %(kinds)b::text[], %(titles)b::text[],
    %(statuses)b::text[], %(inputs)b::text[], %(needs)b::text[], %(queues)b::text[],
    %(assignees)b::text[], %(groups)b::text[], %(waits)s::boolean[], %(due)s::timestamptz[],
    %(follow_ups)s::timestamptz[], %(wakes)s::timestamptz[], %(outcomes)b::text[],
    %(roles)b::text[], %(abouts)b::text[], %(lates)s::boolean[], %(undos)s::boolean[]
) as t (task_id, run_id, definition_id, version, rule, spec_id, item, kind, title, status,
    inputs, needs, queue, assignee, groups, wait, due_at, follow_up_at, wake_at, outcome, role,
    about, late, undo)
on conflict do nothing
"""
_INSERT_WAITING = f"""
with fresh as ({_INSERT} returning task_id)
insert into pending_tasks (tenant, task_id) select %(tenant)s, task_id from fresh
"""  # noqa: S608 - constant parts


class OfRun(Protocol):
    """Whatever says which run a task is of, and which version that pinned."""

    @property
    def run_id(self) -> str:
        """The run."""
        ...

    @property
    def definition_id(self) -> str:
        """Its definition."""
        ...

    @property
    def version(self) -> int:
        """The pinned one."""
        ...


@dataclass(frozen=True, slots=True)
class RunOf:
    """Just that of a run."""

    run_id: str
    definition_id: str
    version: int


async def insert(
    conn: Connection, tenant: str, tasks: Sequence[tuple[OfRun, NewTask]], at: datetime
) -> None:
    """Write tasks that their run carries out; those that are there already stay as they are."""
    if tasks:
        await conn.execute(_INSERT, _values(tenant, tasks, at))


async def insert_waiting(
    conn: Connection, tenant: str, tasks: Sequence[tuple[OfRun, NewTask]], at: datetime
) -> None:
    """Write tasks that wait for the starter; those that are there already stay as they are."""
    if tasks:
        await conn.execute(_INSERT_WAITING, _values(tenant, tasks, at))


def _values(tenant: str, tasks: Sequence[tuple[OfRun, NewTask]], at: datetime) -> dict[str, object]:
    specs = [task.spec for _, task in tasks]
    return {
        "tenant": tenant,
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
        "undos": [spec.undo for spec in specs],
        "outcomes": [_outcome(task.status) for _, task in tasks],
    }


def _outcome(status: TaskStatus) -> str | None:
    """Of tasks that are over when they are recorded: events that left with the record."""
    if status not in FINAL:
        return None
    return "done" if status is TaskStatus.COMPLETED else status.value
