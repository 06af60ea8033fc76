"""The desk for entrances: sources and event types looked up, paused, resumed, retired.

In: requests from the API. Out: entries as they are in force, and lines in the registry's log. New
versions come by `services.registry` only. The gates notice within a second.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from activity_core.core.definition.event_source import EventSource
from activity_core.core.definition.event_type import EventType
from activity_core.core.errors import ConflictError, NotFoundError
from activity_core.ports.clock import Clock
from activity_core.ports.entrances import (
    Change,
    EntranceEntry,
    EntranceLine,
    Entrances,
    EntranceT,
)
from activity_core.ports.registry import RegistryStore


@dataclass(frozen=True, slots=True)
class EntranceDesk:
    """For one tenant. Asking twice for the same is fine."""

    store: RegistryStore
    clock: Clock

    async def sources(self) -> Sequence[EntranceEntry[EventSource]]:
        """All sources by id, retired ones included."""
        found = await self.store.entrances()
        return [found.sources[id_] for id_ in sorted(found.sources)]

    async def event_types(self) -> Sequence[EntranceEntry[EventType]]:
        """All event types by id, retired ones included."""
        found = await self.store.entrances()
        return [found.event_types[id_] for id_ in sorted(found.event_types)]

    async def source(self, source_id: str) -> EntranceEntry[EventSource]:
        """One source.

        Raises:
            NotFoundError: it was never applied.
        """
        return _source(await self.store.entrances(), source_id)

    async def event_type(self, type_id: str) -> EntranceEntry[EventType]:
        """One event type.

        Raises:
            NotFoundError: it was never applied.
        """
        return _event_type(await self.store.entrances(), type_id)

    async def pause(
        self, source_id: str, actor: str, reason: str = ""
    ) -> EntranceEntry[EventSource]:
        """Take nothing from a source until `resume`: 503 over HTTP; a broker keeps what it has.

        Raises:
            NotFoundError: it was never applied.
            ConflictError: it is retired.
        """
        return await self._change_source(source_id, Change.PAUSED, actor, reason)

    async def resume(
        self, source_id: str, actor: str, reason: str = ""
    ) -> EntranceEntry[EventSource]:
        """Take events from a source again.

        Raises:
            NotFoundError: it was never applied.
            ConflictError: it is retired.
        """
        return await self._change_source(source_id, Change.RESUMED, actor, reason)

    async def retire(
        self, source_id: str, actor: str, reason: str = ""
    ) -> EntranceEntry[EventSource]:
        """Take a source out of service; applying its file again brings it back.

        Raises:
            NotFoundError: it was never applied.
        """
        return await self._change_source(source_id, Change.RETIRED, actor, reason)

    async def retire_event_type(
        self, type_id: str, actor: str, reason: str = ""
    ) -> EntranceEntry[EventType]:
        """Let events of a type be as they like; applying its file again brings it back.

        Raises:
            NotFoundError: it was never applied.
        """
        look = partial(_event_type, type_id=type_id)
        return await self._change(look, Change.RETIRED, actor, reason)

    async def _change_source(
        self, source_id: str, change: Change, actor: str, reason: str
    ) -> EntranceEntry[EventSource]:
        return await self._change(partial(_source, source_id=source_id), change, actor, reason)

    async def _change(
        self,
        look: Callable[[Entrances], EntranceEntry[EntranceT]],
        change: Change,
        actor: str,
        reason: str,
    ) -> EntranceEntry[EntranceT]:
        """Append the change, unless things are so already; `look` finds whom it is about."""
        async with self.store.edit(actor, self.clock.now) as edit:
            entry = look(edit.entrances)
            part = entry.part
            if entry.retired and change is not Change.RETIRED:
                raise ConflictError(
                    "it is retired",
                    subject=f"{part.kind} {part.id}",
                    hint="apply its file again to bring it back",
                )
            line = EntranceLine(
                part.kind,
                part.id,
                change,
                entry.version,
                paused=entry.paused if change is Change.RETIRED else change is Change.PAUSED,
                retired=change is Change.RETIRED,
                reason=reason,
            )
            if (line.paused, line.retired) != (entry.paused, entry.retired):
                await edit.log([], [line])
        return look(await self.store.entrances())


def _source(known: Entrances, source_id: str) -> EntranceEntry[EventSource]:
    if source_id not in known.sources:
        raise NotFoundError("no such source", subject=f"source {source_id}")
    return known.sources[source_id]


def _event_type(known: Entrances, type_id: str) -> EntranceEntry[EventType]:
    if type_id not in known.event_types:
        raise NotFoundError("no such event type", subject=f"event type {type_id}")
    return known.event_types[type_id]
