"""What was done to tasks of people as the API shows it."""

from typing import Any

from activity_core.api.shapes.base import Shape
from activity_core.core.expression.condition import rfc3339
from activity_core.core.human.log import Action, LogEntry
from activity_core.core.jsontext import JsonValue


class LogItem(Shape):
    """One line: what a person, or time, did. `via` is the API key that spoke for the person.

    `data` of delegated, returned, reassigned and escalated: `assignee` and `groups` from then on;
    of completed, rejected and expired: `outcome` and `outputs`.
    """

    action: Action
    at: str
    by: str
    via: str
    comment: str
    data: dict[str, Any]


class TaskLog(Shape):
    """All lines of a task, oldest first."""

    items: list[LogItem]


def log_item(entry: LogEntry) -> dict[str, JsonValue]:
    """A line as `LogItem` has it."""
    return {
        "action": entry.action,
        "at": rfc3339(entry.at),
        "by": entry.by,
        "via": entry.via,
        "comment": entry.comment,
        "data": entry.data,
    }
