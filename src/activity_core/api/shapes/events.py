"""Events as the API shows them, and what it answers to whoever sends some."""

from typing import Any

from activity_core.api.shapes.base import Shape
from activity_core.api.shapes.runs import DecisionItem, EventRef, RunDetail, Verdict
from activity_core.core.decision import Outcome


class EventItem(EventRef):
    """An accepted event. `state`: pending, routed, unmatched or buried."""

    type: str
    subject: str | None
    time: str | None
    received_at: str
    via: str
    state: str


class Routing(Shape):
    """At which revision of the registry it was routed, and what became of those who listened."""

    revision: int
    listened: int
    counts: dict[Outcome, int]
    routed_at: str


class EventDetail(EventItem):
    """An event with everything that was decided about it."""

    envelope: dict[str, Any]
    routing: Routing | None
    decisions: list[DecisionItem]


class EventExplained(EventDetail):
    """An event, a verdict per definition that listened, and the runs."""

    verdicts: list[Verdict]
    runs: list[RunDetail]


class Accepted(EventRef):
    """`duplicate` comes with what became of the first one."""

    status: str
    received_at: str | None = None
    state: str | None = None
    runs: list[str] | None = None


class ItemError(Shape):
    """Why an event of a batch was not accepted."""

    code: str
    detail: str


class BatchResult(Shape):
    """`status`: accepted, duplicate, conflict or invalid; the last two with `error`."""

    source: str | None
    id: str | None
    status: str
    error: ItemError | None = None


class AcceptedBatch(Shape):
    """One result per event, in order."""

    items: list[BatchResult]
