"""The lists of tasks in memory: all of them, and what lies in the inboxes of people."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from activity_core.adapters.memory.paging import page, place
from activity_core.adapters.memory.reading_rows import task_item
from activity_core.adapters.memory.rows import TaskRow
from activity_core.adapters.memory.state import Tables
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.task import FINAL, TaskStatus
from activity_core.ports.reading import Page, Query

_NEVER = datetime(9999, 12, 31, tzinfo=UTC)
_DOABLE = frozenset({TaskStatus.READY, TaskStatus.CLAIMED})
_CONCERNED: Mapping[str, Callable[[TaskRow, str], bool]] = {
    "definition_id": lambda row, wanted: row.task.definition_id == wanted,
    "group": lambda row, wanted: wanted in row.task.groups,
    "assignee": lambda row, wanted: row.task.assignee == wanted,
    "claimed_by": lambda row, wanted: row.task.claimed_by == wanted,
}


def tasks_page(query: Query, tables: Tables) -> Page:
    """See `Reading.tasks`."""
    return page(
        query,
        tables.tasks.values(),
        place_of=lambda row: place(row.created_at, row.task.task_id),
        filters={
            **_CONCERNED,
            "run_id": lambda row, wanted: row.task.run_id == wanted,
            "status": lambda row, wanted: row.task.status == wanted,
            "kind": lambda row, wanted: row.task.kind == wanted,
            "open": lambda row, wanted: (row.task.status not in FINAL) == (wanted == "true"),
        },
        item=task_item,
    )


def inbox_page(query: Query, tables: Tables) -> Page:
    """See `Reading.task_inbox`."""
    return page(
        query,
        [
            row
            for row in tables.tasks.values()
            if row.task.kind is TaskKind.HUMAN and row.task.status in _DOABLE
        ],
        place_of=lambda row: place(row.task.clock.due_at or _NEVER, row.task.task_id),
        filters=_CONCERNED,
        item=task_item,
        ascending=True,
    )
