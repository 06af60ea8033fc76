"""The log of a human task: one line for everything that people and time did to it.

Made beside each new state of the task (`handling`, `answering`, `chain`), written with it, only
ever added to. Replaying the lines gives the row.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from activity_core.core.jsontext import JsonValue

TIME = "activity-core"
"""Who reminds, hands over and expires."""


class Action(StrEnum):
    """What was done: by people above, by time below."""

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
