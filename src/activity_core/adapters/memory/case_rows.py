"""Rows of cases in memory: a case, a place in the queue of its key, a doorbell."""

from dataclasses import dataclass
from datetime import datetime

from activity_core.core import ids
from activity_core.core.case.case import Case
from activity_core.core.case.timers import TimerDue
from activity_core.core.expression.condition import rfc3339
from activity_core.core.jsontext import JsonValue, parse_json

Key = tuple[str, str]
"""Definition id and correlation key."""


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case, the timer that it waits for, and when its workflow was last seen well."""

    case: Case
    touched_at: datetime
    wakes: TimerDue | None = None
    closed_by: str | None = None

    @property
    def key(self) -> Key:
        """Whose it is."""
        return self.case.definition_id, self.case.key

    @property
    def workflow_id(self) -> str:
        """The workflow that takes its turns."""
        return ids.case_workflow_id(*self.key, self.case.number)

    def item(self) -> dict[str, JsonValue]:
        """See `CaseStore.page`."""
        case, wakes = self.case, self.wakes
        return {
            "case_id": case.case_id,
            "definition_id": case.definition_id,
            "key": parse_json(case.key.encode()),
            "number": case.number,
            "version": case.version,
            "status": case.status.value,
            "taken": case.taken,
            "opened_at": rfc3339(case.opened_at),
            "last_event_at": rfc3339(case.last_event_at),
            "wake_at": rfc3339(wakes.at) if wakes else None,
            "waiting_for": wakes.name if wakes else None,
            "closed_at": rfc3339(case.closed_at) if case.closed_at else None,
            "closed_by": self.closed_by,
            "workflow_id": self.workflow_id,
        }


@dataclass(frozen=True, slots=True)
class CaseRunRow:
    """A run in the queue of a key; that of a timer goes first."""

    key: Key
    run_id: str
    is_first: bool = False


@dataclass(frozen=True, slots=True)
class BellRow:
    """A doorbell; with `case_id` for that case, whatever is queued."""

    key: Key
    case_id: str | None = None
