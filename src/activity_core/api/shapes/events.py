"""Events as the API shows them, and what it answers to whoever sends some."""

from typing import Any, Literal

from activity_core.api.shapes.base import Shape
from activity_core.api.shapes.explanations import NearMiss
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


class RefusalItem(Shape):
    """What was turned away; the attributes are null where they are unknown, or trust failed."""

    refused_at: str
    via: str
    sender: str
    code: str
    message: str
    source: str | None
    event_id: str | None
    event_type: str | None
    dead_letter_id: str | None


class EventExplained(EventDetail):
    """An event, a verdict per definition that listened, and the runs.

    `refusals`: of what came under its source and id, but not in, newest first.
    """

    verdicts: list[Verdict]
    nearest_misses: list[NearMiss]
    runs: list[RunDetail]
    refusals: list[RefusalItem]


class EventRefused(Shape):
    """An event that never came in; `source` is the one that was asked for."""

    source: str | None
    id: str
    state: Literal["refused"]
    refusals: list[RefusalItem]


class Accepted(EventRef):
    """`duplicate` comes with what became of the first one."""

    status: str
    received_at: str | None = None
    state: str | None = None
    runs: list[str] | None = None


class ItemError(Shape):
    """Why one of many events was not accepted; `pointers` come with `schema_mismatch`."""

    code: str
    detail: str
    pointers: list[str] | None = None


class BatchResult(Shape):
    """`status`: accepted, duplicate, conflict, invalid or refused; the last three with `error`."""

    source: str | None
    id: str | None
    status: str
    error: ItemError | None = None


class AcceptedBatch(Shape):
    """One result per event, in order."""

    items: list[BatchResult]


class SlackChallenge(Shape):
    """What Slack wants to hear once, to see whose address it is."""

    challenge: str
