"""Reading: lists and details for the API, the CLI and the console. Never writes.

Answers are JSON-ready objects with the published field names; lists page by opaque cursors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from activity_core.core.jsontext import JsonValue

Row = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Page:
    """Some items, newest first, and where the next ones start."""

    items: Sequence[Row]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A list request: equality filters by field name, 1-1000 items, from a cursor."""

    filters: Mapping[str, str] = field(default_factory=dict)
    limit: int = 50
    cursor: str | None = None


class Reading(Protocol):
    """Everything an outside may look at, of one tenant.

    Unknown cursors raise BadInputError, unknown ids NotFoundError.
    """

    async def events(self, query: Query) -> Page:
        """Filters: source, type, id. Items: envelope attributes, received_at, state."""
        ...

    async def event(self, source: str | None, event_id: str) -> Row:
        """One event with its envelope, routing row and decisions.

        Raises:
            NotFoundError: no such event.
            AmbiguousError: several sources sent that id; the error lists them.
        """
        ...

    async def runs(self, query: Query) -> Page:
        """Filters: definition_id, status, source + event_id."""
        ...

    async def run(self, run_id: str) -> Row:
        """One run with context snapshot, rules, tasks, events out and decisions."""
        ...

    async def tasks(self, query: Query) -> Page:
        """Filters: run_id, definition_id, status, assignee, group."""
        ...

    async def task(self, task_id: str) -> Row:
        """One task."""
        ...

    async def decisions(self, query: Query) -> Page:
        """Filters: definition_id, outcome, occurrence_key."""
        ...

    async def dead_letters(self, query: Query) -> Page:
        """Filters: status, via, code."""
        ...
