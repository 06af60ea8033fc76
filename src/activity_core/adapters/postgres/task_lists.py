"""The lists of tasks: all of them, newest first, and what lies in the inboxes of people.

Inboxes are in the table `task_inbox`, one line per task and whom it concerns, kept by triggers: the
page of a group is read off in order, however many open tasks others have.
"""

from dataclasses import replace

from activity_core.adapters.postgres import reading_queries as queries
from activity_core.adapters.postgres.paging import Listing
from activity_core.adapters.postgres.reading_rows import task_item
from activity_core.adapters.postgres.storable import prose
from activity_core.core.run.task import FINAL
from activity_core.ports.reading import Query

_CONCERNED = {
    "definition_id": "t.definition_id = %(definition_id)s",
    "group": "%(group)s = any(t.groups)",
    "assignee": "t.assignee = %(assignee)s",
    "claimed_by": "t.claimed_by = %(claimed_by)s",
}
_TASKS = Listing(
    queries.TASKS,
    ("t.created_at", "t.task_id"),
    {
        **_CONCERNED,
        "run_id": "t.run_id = %(run_id)s",
        "status": "t.status = %(status)s",
        "kind": "t.kind = %(kind)s",
        "open": "(t.finished_at is null) = (%(open)s = 'true')",
    },
    task_item,
)
# Said again for the planner: open tasks have a small index of their own.
_OPEN_TASKS = replace(_TASKS, select=f"{queries.TASKS} and t.finished_at is null")
# Each task is looked up by its id, in the order in which they are due.
TASK_INBOX = Listing(
    f"""
select t.*, i.due
from task_inbox i
cross join lateral ({queries.TASKS} and t.task_id = i.task_id offset 0) t
where i.tenant = %(tenant)s and i.relation = %(relation)s and i.name = %(name)s
""",  # noqa: S608 - constant parts
    ("i.due", "i.task_id"),
    _CONCERNED,
    task_item,
    ascending=True,
)
"""Besides those of the query, parameters `relation` and `name`: see `whose_inbox`."""


def tasks_listing(query: Query) -> Listing:
    """The list that answers a query about all tasks."""
    status = query.filters.get("status")
    is_open = query.filters.get("open") == "true" or (status is not None and status not in FINAL)
    return _OPEN_TASKS if is_open else _TASKS


def whose_inbox(query: Query) -> tuple[str, str]:
    """The inbox to be read: that of the filter which leaves the fewest tasks."""
    for relation in ("claimed_by", "assignee", "group"):
        if relation in query.filters:
            return relation, prose(query.filters[relation])
    return "all", ""
