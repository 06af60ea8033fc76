"""Announcements: the events that go out about runs and tasks.

Built here from what was decided, written to the outbox in the same transaction, published by
`services.relay` in order per run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from activity_core.core import ids
from activity_core.core.definition.work import OURS
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.jsontext import JsonValue


@dataclass(frozen=True, slots=True)
class Announcement:
    """One outgoing event. `key` (a run id) orders it; `body` is a structured CloudEvent."""

    event_id: str
    key: str
    type: str
    subject: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Origin:
    """Where announcements come from and what caused them.

    `causation_depth` is that of the causing event plus one; `at` is when it happened.
    """

    deployment: str
    at: datetime
    run_id: str
    traceparent: str | None = None
    causation_depth: int = 1


def announce(
    origin: Origin,
    noun: str,
    verb: str,
    subject: str,
    data: Mapping[str, JsonValue],
    *,
    attempt: int = 1,
) -> Announcement:
    """`announce(origin, "task", "created", task_id, …)` → `activity-core.task.created.v1`."""
    return build(origin, f"{OURS}{noun}.{verb}.v1", subject, dict(data), attempt=attempt)


def build(
    origin: Origin,
    event_type: str,
    subject: str,
    data: JsonValue,
    *,
    attempt: int = 1,
    identity: str = "",
) -> Announcement:
    """Any outgoing event; `identity` (default: the subject) and `attempt` make its id."""
    extensions: dict[str, str | int | bool] = {"causationdepth": origin.causation_depth}
    if origin.traceparent:
        extensions["traceparent"] = origin.traceparent
    envelope = EventEnvelope(
        id=ids.announcement_id(event_type, identity or subject, attempt),
        source=f"/activity-core/{origin.deployment}",
        type=event_type,
        subject=subject,
        time=origin.at,
        datacontenttype="application/json",
        data=data,
        extensions=extensions,
    )
    return Announcement(envelope.id, origin.run_id, event_type, subject, envelope.to_bytes())
