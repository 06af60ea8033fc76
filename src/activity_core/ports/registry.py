"""The registry: immutable definition versions, and an append-only log of what was in force when.

`services.registry` writes; router, runner, starter and reconciler read. Revisions count every
change of the whole registry; the state at any revision can be read again.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.connection import Connection
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.rollout import Rollout
from activity_core.ports.entrances import Change, EntranceEdit, EntranceLine, Entrances


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """A definition as it is in force: its current version and whether it may fire.

    `paused` is an operator's pause (it survives `apply`); `definition.enabled` is the file's.
    `rollout` tells of a candidate: the newest version that was published, but is not in force.
    """

    definition: ActivityDefinition
    version: int
    paused: bool
    retired: bool
    revision: int
    reason: str = ""
    actor: str = ""
    changed_at: datetime | None = None
    rollout: Rollout | None = None

    @property
    def published(self) -> int:
        """The number of the newest version, whether it is in force or not."""
        return max(self.version, self.rollout.version if self.rollout else 0)

    @property
    def fires(self) -> bool:
        """Whether occurrences lead to runs."""
        return self.status == "active"

    @property
    def status(self) -> str:
        """`active`, `disabled` (by the file), `paused` (by an operator) or `retired`."""
        if self.retired:
            return "retired"
        if self.paused:
            return "paused"
        return "active" if self.definition.enabled else "disabled"


@dataclass(frozen=True, slots=True)
class RegistrySnapshot:
    """The registry at one revision, retired definitions included."""

    revision: int
    entries: Mapping[str, RegistryEntry]
    connections: Mapping[str, Connection] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One change of one definition, to be appended with the next revision."""

    definition_id: str
    change: Change
    version: int
    paused: bool
    retired: bool
    reason: str = ""
    rollout: Rollout | None = None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """What was in force of a definition from `at` on, until its next line.

    `reason` and `actor` are those of its change; while it is paused, those of the pause.
    """

    at: datetime
    version: int
    paused: bool
    retired: bool
    reason: str = ""
    actor: str = ""
    rollout: Rollout | None = None


class RegistryEdit(EntranceEdit, Protocol):
    """The registry, locked for one change by one actor."""

    @property
    def current(self) -> RegistrySnapshot:
        """What is in force now."""
        ...

    async def publish(self, definition: ActivityDefinition, version: int) -> None:
        """Store a new, immutable version."""
        ...

    async def put_connection(self, connection: Connection) -> None:
        """Store or replace a connection."""
        ...

    async def put_calendar(self, calendar: Calendar) -> None:
        """Store or replace a calendar."""
        ...

    async def log(self, lines: Sequence[LogLine], entrances: Sequence[EntranceLine] = ()) -> int:
        """Append the changes as one new revision; returns it."""
        ...

    async def account_for_slots(self, definition_ids: Sequence[str]) -> None:
        """From what was logged on, every slot of these is decided; some may be already."""
        ...

    async def look_back(self, definition_id: str, lookback: timedelta) -> None:
        """Request a replay of what was recorded so long before what was logged."""
        ...


class RegistryStore(Protocol):
    """Definitions of one tenant."""

    async def revision(self) -> int:
        """The newest revision; 0 when nothing was ever applied. Cheap: asked before every batch."""
        ...

    async def snapshot(self, revision: int | None = None) -> RegistrySnapshot:
        """The registry at a revision (default: the newest).

        Connections and calendars are always the newest.
        """
        ...

    async def changed_since(self, revision: int) -> RegistrySnapshot:
        """The newest registry, but only the entries that changed after a revision.

        What it costs depends on them alone.
        """
        ...

    async def entrances(self) -> Entrances:
        """Event sources and event types as they are in force now, retired ones included."""
        ...

    async def history(self, since: Mapping[str, datetime]) -> Mapping[str, Sequence[HistoryLine]]:
        """By definition id: the line in force at that instant, if any, and all later ones."""
        ...

    async def version(self, definition_id: str, version: int) -> ActivityDefinition:
        """One immutable version.

        Raises:
            NotFoundError: no such version.
        """
        ...

    async def versions(
        self, wanted: Sequence[tuple[str, int]]
    ) -> Mapping[tuple[str, int], ActivityDefinition]:
        """Several versions at once; unknown ones are left out."""
        ...

    def edit(
        self, actor: str, now: Callable[[], datetime]
    ) -> AbstractAsyncContextManager[RegistryEdit]:
        """Lock the registry for a change; leaving with an exception changes nothing.

        `now` is asked when something is written, so that a change that took long to prepare is
        not in force before anybody could know of it.
        """
        ...
