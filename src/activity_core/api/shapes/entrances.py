"""Event sources and event types as the API shows them."""

from typing import Any

from pydantic import Field

from activity_core.api.shapes.base import Shape


class Allowed(Shape):
    """What a source may send; a final `*` stands for any rest."""

    types: list[str]
    sources: list[str]


class Pace(Shape):
    """How many events a second, over time, and how many at once after a pause."""

    per_second: float
    burst: int


class SourceItem(Shape):
    """An event source in force. `status`: active, paused, disabled or retired.

    `way`: webhook, nats, kafka, rabbitmq or api; `verify`: the kind of proof that is asked for, and
    no more of it. `paused_since` and `paused_by` are null unless it is paused.
    """

    source_id: str
    version: int
    title: str | None
    owner: str | None
    status: str
    way: str
    verify: str | None
    allow: Allowed
    schema_: str = Field(alias="schema")
    rate: Pace | None
    revision: int
    reason: str
    actor: str
    changed_at: str | None
    paused_since: str | None
    paused_by: str | None


class SourceDetail(SourceItem):
    """With the rest of its way: topics, keys, preset, map; defaults left out."""

    settings: dict[str, Any]


class EventTypeItem(Shape):
    """An event type in force. `type` may be a pattern; `schemas` says how many there are."""

    event_type_id: str
    version: int
    type: str
    title: str | None
    owner: str | None
    status: str
    compatibility: str
    schemas: int
    redact: list[str]
    revision: int
    actor: str
    changed_at: str | None


class EventTypeDetail(EventTypeItem):
    """With its schemas, oldest first."""

    versions: list[dict[str, Any]]
