"""Cases as the API shows them."""

from typing import Any

from activity_core.api.shapes.base import Shape
from activity_core.core.case.case import CaseStatus
from activity_core.core.rules.occurrence import TriggerKind
from activity_core.core.run.run import RunStatus


class CaseItem(Shape):
    """One lifetime of an ongoing definition for one key.

    `taken` counts its turns; `waiting_for` is the timer that fires at `wake_at` if nothing comes.
    """

    case_id: str
    definition_id: str
    key: Any
    number: int
    version: int
    status: CaseStatus
    taken: int
    opened_at: str
    last_event_at: str
    wake_at: str | None
    waiting_for: str | None
    closed_at: str | None
    closed_by: str | None
    workflow_id: str


class CaseRun(Shape):
    """A run that it took."""

    run_id: str
    trigger: TriggerKind
    timer: str | None
    status: RunStatus
    fired_at: str


class CaseDetail(CaseItem):
    """A case with its state (null before its first turn).

    `queued` are ids of runs that wait for their turn, in order; `runs` those that it took, newest
    first; of both at most 100.
    """

    state: dict[str, Any] | None
    queued: list[str]
    runs: list[CaseRun]
