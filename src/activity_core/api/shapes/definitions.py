"""Definitions as the API shows them, and what it answers to whoever changes them."""

from typing import Any

from activity_core.api.shapes.base import Shape


class DefinitionItem(Shape):
    """A definition in force. `status`: active, paused, disabled or retired."""

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


class DefinitionDetail(DefinitionItem):
    """With the document of `shown_version`, defaults left out."""

    shown_version: int
    definition: dict[str, Any]


class AppliedDefinition(Shape):
    """`change`: created, updated or unchanged."""

    definition_id: str
    version: int
    change: str


class AppliedSet(Shape):
    """What applying a set did."""

    revision: int
    definitions: list[AppliedDefinition]
    connections: list[str]


class Triggered(Shape):
    """`status`: accepted, or duplicate if the request came before."""

    definition_id: str
    request_id: str
    run_id: str
    status: str
