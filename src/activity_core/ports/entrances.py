"""Entrances: the part of the registry that says who may send which events.

Event sources and event types, each version immutable, with an append-only log like that of the
definitions. `services.registry` writes; `services.gate` and the intake read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from activity_core.core.definition.event_source import EventSource
from activity_core.core.definition.event_type import EventType


class Change(StrEnum):
    """What a line of the registry's log says."""

    PUBLISHED = "published"
    PAUSED = "paused"
    RESUMED = "resumed"
    RETIRED = "retired"
    ROLLOUT_STARTED = "rollout_started"
    PROMOTED = "promoted"
    ROLLOUT_STOPPED = "rollout_stopped"


Entrance = EventSource | EventType
EntranceT = TypeVar("EntranceT", bound=Entrance)


@dataclass(frozen=True, slots=True)
class EntranceEntry(Generic[EntranceT]):
    """A source or a type as it is in force. `paused` is an operator's pause: it survives `apply`.

    Types are never paused.
    """

    part: EntranceT
    version: int
    paused: bool
    retired: bool
    revision: int
    reason: str = ""
    actor: str = ""
    changed_at: datetime | None = None

    @property
    def status(self) -> str:
        """`active`, `disabled` (by the file), `paused` (by an operator) or `retired`."""
        if self.retired:
            return "retired"
        if self.paused:
            return "paused"
        disabled = isinstance(self.part, EventSource) and not self.part.enabled
        return "disabled" if disabled else "active"


@dataclass(frozen=True, slots=True)
class Entrances:
    """All of them at one revision, by id, retired ones included."""

    revision: int = 0
    sources: Mapping[str, EntranceEntry[EventSource]] = field(default_factory=dict)
    event_types: Mapping[str, EntranceEntry[EventType]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EntranceLine:
    """One change of one source or type (`kind`: `source` or `event_type`)."""

    kind: str
    part_id: str
    change: Change
    version: int
    paused: bool
    retired: bool
    reason: str = ""


class EntranceEdit(Protocol):
    """The entrances, locked for one change together with the rest of the registry."""

    @property
    def entrances(self) -> Entrances:
        """What is in force now."""
        ...

    async def publish_entrance(self, part: Entrance, version: int) -> None:
        """Store a new, immutable version."""
        ...
