"""The catalogue: definition versions, connections and calendars, kept at hand.

In: the registry. Versions never change, so they are kept up to a bound; connections and calendars
do, so the registry's revision is asked before every step of the runner and of the settler.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.connection import Connection
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.errors import NotFoundError
from activity_core.ports.registry import RegistryStore

MOST = 5_000
"""Versions kept; the one used longest ago goes first."""

Version = tuple[str, int]


class Catalogue:
    """What one process knows of the registry."""

    def __init__(self, registry: RegistryStore) -> None:
        self._registry = registry
        self._versions: dict[Version, ActivityDefinition] = {}
        self._connections: Mapping[str, Connection] = {}
        self._calendars: Mapping[str, Calendar] = {}
        self._revision = -1
        self._looking: asyncio.Task[None] | None = None
        self._next_look: asyncio.Task[None] | None = None

    @property
    def connections(self) -> Mapping[str, Connection]:
        """As of the last `refresh`."""
        return self._connections

    @property
    def local_connections(self) -> frozenset[str]:
        """Ids of those that may be read inside a run's step."""
        return frozenset(id_ for id_, found in self._connections.items() if found.is_local)

    @property
    def calendars(self) -> Mapping[str, Calendar]:
        """As of the last `refresh`; another object only when the registry has changed."""
        return self._calendars

    async def refresh(self) -> None:
        """Learn connections and calendars anew if the registry has changed.

        Whoever asks during a look shares the next: a look of its own for each run took some 2 of
        its 30 ms of CPU.
        """
        if self._next_look is None:
            self._next_look = asyncio.create_task(self._look(after=self._looking))
        await asyncio.shield(self._next_look)

    async def _look(self, after: asyncio.Task[None] | None) -> None:
        if after is not None:
            await asyncio.wait([after])
        self._looking, self._next_look = self._next_look, None
        revision = await self._registry.revision()
        if revision != self._revision:
            newest = await self._registry.changed_since(revision)
            self._connections, self._calendars = newest.connections, newest.calendars
            self._revision = revision

    async def connection(self, connection_id: str) -> Connection:
        """A connection as it is now.

        Raises:
            NotFoundError: no such connection.
        """
        await self.refresh()
        if connection_id not in self._connections:
            raise NotFoundError("no such connection", subject=f"connection {connection_id}")
        return self._connections[connection_id]

    def unknown(self, versions: Iterable[Version]) -> list[Version]:
        """Those that must be learnt before `get`."""
        return [version for version in versions if version not in self._versions]

    async def learn(self, versions: Sequence[Version]) -> None:
        """Read versions from the registry, all at once.

        Raises:
            NotFoundError: no such version.
        """
        if not versions:
            return
        found = await self._registry.versions(versions)
        self._versions.update(found)
        if missing := [version for version in versions if version not in found]:
            definition_id, version = missing[0]
            raise NotFoundError("no such version", subject=f"definition {definition_id} v{version}")

    def get(self, version: Version) -> ActivityDefinition:
        """A version that was learnt. Forgets what was used longest ago when there are too many."""
        definition = self._versions[version] = self._versions.pop(version)
        while len(self._versions) > MOST:
            self._versions.pop(next(iter(self._versions)))
        return definition

    async def definition(self, version: Version) -> ActivityDefinition:
        """A version, learnt if need be."""
        await self.learn(self.unknown([version]))
        return self.get(version)
