"""Definitions as the API shows them, and what it answers to whoever changes them."""

from typing import Any

from activity_core.api.shapes.base import IssueItem, Shape


class RolloutItem(Shape):
    """A candidate and who gets it; `stopped`: why nobody does any more, else empty."""

    version: int
    digest: str
    percent: float
    key: str | None
    stop_at: float
    min_runs: int
    since: str
    stopped: str


class DefinitionItem(Shape):
    """A definition in force. `status`: active, paused, disabled or retired.

    What follows `changed_at` is null without a schedule: the first slot that is not decided, the
    last one that is and how much later its run fired, and for how long a slot waits undecided.
    """

    definition_id: str
    version: int
    title: str | None
    owner: str | None
    status: str
    triggers: list[str]
    revision: int
    reason: str
    actor: str
    changed_at: str | None
    rollout: RolloutItem | None
    next_slot: str | None
    last_slot: str | None
    last_outcome: str | None
    last_run_id: str | None
    lag_seconds: float | None
    overdue_seconds: float | None


class DefinitionDetail(DefinitionItem):
    """With the document of `shown_version`, defaults left out.

    `paused_since`: null unless it is paused; applying it meanwhile changes nothing about it.
    """

    shown_version: int
    paused_since: str | None
    definition: dict[str, Any]


class AppliedDefinition(Shape):
    """`change`: created, updated or unchanged."""

    definition_id: str
    version: int
    change: str


class AppliedSource(Shape):
    """`change`: created, updated or unchanged."""

    source_id: str
    version: int
    change: str


class AppliedEventType(Shape):
    """`change`: created, updated or unchanged; `version` counts changes, not schemas."""

    event_type_id: str
    version: int
    change: str


class AppliedSet(Shape):
    """What applying a set did; `warnings` stopped nothing."""

    revision: int
    definitions: list[AppliedDefinition]
    connections: list[str]
    calendars: list[str]
    sources: list[AppliedSource]
    event_types: list[AppliedEventType]
    warnings: list[IssueItem]


class Triggered(Shape):
    """`status`: accepted, or duplicate if the request came before."""

    definition_id: str
    request_id: str
    run_id: str
    status: str
