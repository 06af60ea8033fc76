"""The log of a human task: one line for everything that people and time did to it.

Made beside each new state of the task (`handling`, `answering`, `chain`; here, when an operator or
its run ends it), written with it, only ever added to. Replaying the lines gives the row.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from activity_core.core.jsontext import JsonValue
from activity_core.core.run.task import TaskResult

TIME = "activity-core"
"""Who reminds, hands over and expires, and who gives up what a run needs no more."""


class Action(StrEnum):
    """What was done: by people, then by time, then by operators and its run."""

    CLAIMED = "claimed"
    UNCLAIMED = "unclaimed"
    DELEGATED = "delegated"
    RETURNED = "returned"
    COMPLETED = "completed"
    REJECTED = "rejected"
    COMMENTED = "commented"

    REMINDED = "reminded"
    REASSIGNED = "reassigned"
    ESCALATED = "escalated"
    EXPIRED = "expired"

    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line.

    Attributes:
        by: the person, or `TIME`.
        via: the API key that spoke for the person; empty for time.
        data: delegated, returned, reassigned, escalated {assignee, groups}: who may do it from now
            on; completed, rejected, expired {outcome, outputs}; else empty.
    """

    action: Action
    at: datetime
    by: str
    via: str = ""
    comment: str = ""
    data: dict[str, JsonValue] = field(default_factory=dict)


def ended(result: TaskResult, at: datetime) -> LogEntry:
    """The line about a task that neither people nor its clock ended."""
    why = result.comment or result.error
    return LogEntry(Action(result.status.value), at, result.by or TIME, comment=why)
