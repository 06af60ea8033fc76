"""The ends of tasks that machines, operators and runs bring about: one statement for all of them.

People and their clocks end human tasks at the desk, which keeps the log; here a line about every
human task that ends goes with it.
"""

from datetime import datetime

from activity_core.adapters.postgres.storable import json_text, prose
from activity_core.core.human.log import ended
from activity_core.core.run.task import TaskResult


def ending(which: str) -> str:
    """SQL that ends the tasks of a tenant for which `which` holds, and returns their ids."""
    return f"""
with over as (
    update tasks set status = %(status)s, outcome = %(outcome)s, outputs = %(outputs)s,
        error = %(error)s, comment = %(comment)s, completed_by = %(by)s,
        error_type = %(error_type)s, revision = revision + (kind = 'human')::int, wake_at = null,
        finished_at = %(at)s
    where tenant = %(tenant)s and {which}
    returning task_id, kind
), said as (
    insert into task_log (tenant, task_id, action, at, by, via, comment)
    select %(tenant)s, task_id, %(action)s, %(at)s, %(who)s, '', %(why)s
    from over where kind = 'human' order by task_id
)
select task_id from over
"""  # noqa: S608 - constant parts


def values_of(result: TaskResult, at: datetime) -> dict[str, object]:
    """Parameters of such a statement, besides those of `which`."""
    line = ended(result, at)
    return {
        "at": at,
        "status": result.status.value,
        "outcome": result.outcome,
        "outputs": json_text(result.outputs),
        "error": prose(result.error),
        "comment": prose(result.comment),
        "by": prose(result.by),
        "error_type": result.error_type,
        "action": line.action.value,
        "who": prose(line.by),
        "why": prose(line.comment),
    }
