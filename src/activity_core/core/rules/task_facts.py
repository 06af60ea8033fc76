"""Task facts: what late words see of other tasks, as plain values.

In: the tasks of one rule and item as they are now. Out: the variables `tasks` and `task`.
"""

from collections.abc import Collection, Sequence

from activity_core.core.expression.condition import rfc3339
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.task_spec import TaskRole
from activity_core.core.run.task import NOT_WANTED, TaskInstance, TaskStatus

_NEVER_MADE: dict[str, JsonValue] = {
    "status": TaskStatus.SKIPPED.value,
    "outcome": NOT_WANTED,
    "outputs": None,
    "error": "",
}
"""Of a template whose condition did not hold when the rules were decided."""


def tasks_seen(visible: Collection[str], group: Sequence[TaskInstance]) -> dict[str, JsonValue]:
    """`tasks`: by id of the template {status, outcome, outputs, error}.

    The outcome is empty and the outputs are null until it is over; `error` is empty unless it
    failed.
    """
    found = {task.spec_id: _came_to(task) for task in group if task.role is TaskRole.TASK}
    return {spec_id: found.get(spec_id, _NEVER_MADE) for spec_id in sorted(visible)}


def task_seen(task: TaskInstance) -> dict[str, JsonValue]:
    """`task` of a notification: the human task that it tells of, and what it came to so far."""
    result = task.result
    return {
        "id": task.task_id,
        "title": task.title,
        "description": task.inputs.get("description"),
        "assignee": task.assignee,
        "groups": list(task.groups),
        "claimed_by": task.claimed_by,
        "due_at": rfc3339(task.clock.due_at) if task.clock.due_at else None,
        "comment": result.comment if result else "",
        "by": result.by if result else "",
        **_came_to(task),
    }


def _came_to(task: TaskInstance) -> dict[str, JsonValue]:
    result = task.result
    return {
        "status": task.status.value,
        "outcome": result.outcome if result else "",
        "outputs": result.outputs if result else None,
        "error": result.error if result else "",
    }
