"""The registry's use cases: apply a set of parts; retire, pause, resume a definition.

In: parsed definitions, sources and event types from the API. Out: new immutable versions and one
new revision, all or nothing; then a ring for the reconciler, which makes the schedules follow. The
same for sources and event types: `services.entrances`.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from activity_core.core.definition_file.bundle import Bundle
from activity_core.core.definition_file.known import ANY, Installation, Known
from activity_core.core.definition_file.review import passed
from activity_core.core.errors import ConflictError, Issue, NotFoundError
from activity_core.core.rollout import Rollout
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.entrances import Change, Entrances
from activity_core.ports.registry import (
    LogLine,
    RegistryEntry,
    RegistrySnapshot,
    RegistryStore,
)
from activity_core.services.publication import ApplyReport, publish

_IDLE = {
    "retired": ("it is retired", "apply its file again"),
    "paused": ("it is paused", "resume it first"),
    "disabled": ("it says enabled: false", "change its file"),
}


class Registry:
    """The parts of one tenant. `api_keys`: their names; None: sources may list any.

    `installation`: what tasks may use.
    """

    def __init__(
        self,
        store: RegistryStore,
        doorbell: Doorbell,
        clock: Clock,
        *,
        config: Mapping[str, object],
        api_keys: Collection[str] | None = None,
        installation: Installation = ANY,
    ) -> None:
        self._store = store
        self._doorbell = doorbell
        self._clock = clock
        self._config = config
        self._api_keys = api_keys
        self._installation = installation

    async def apply(self, bundle: Bundle, actor: str) -> ApplyReport:
        """Upsert a set, all or nothing; what is absent from it stays as it is.

        Raises:
            InvalidDefinitionError: with every issue found; nothing was applied.
        """
        async with self._store.edit(actor, self._clock.now) as edit:
            before = edit.current.revision
            warnings = await self.review(bundle, edit.current, edit.entrances)
            report = await publish(edit, bundle, warnings)
        if report.revision != before:
            self._doorbell.ring(Topic.RECONCILER)
        return report

    async def review(
        self, bundle: Bundle, current: RegistrySnapshot, entrances: Entrances
    ) -> Sequence[Issue]:
        """The warnings about a set that may be applied to what is in force.

        Raises:
            InvalidDefinitionError: with every issue found.
        """
        known = self._known(current, entrances)
        # Thousands of schedules take seconds; events go on meanwhile.
        return await asyncio.to_thread(passed, bundle, known, self._clock.now())

    def _known(self, current: RegistrySnapshot, entrances: Entrances) -> Known:
        types = entrances.event_types
        return Known(
            current.connections,
            current.calendars,
            [entry.definition for entry in current.entries.values() if not entry.retired],
            [entry.part for entry in entrances.sources.values() if not entry.retired],
            [entry.part for entry in types.values() if not entry.retired],
            {id_: entry.part for id_, entry in types.items()},
            self._config.keys(),
            self._api_keys,
            self._installation,
        )

    async def retire(self, definition_id: str, actor: str, reason: str = "") -> RegistryEntry:
        """Take it out of service: open runs finish, nothing new starts, the schedule goes."""
        return await self._change(definition_id, Change.RETIRED, actor, reason)

    async def pause(self, definition_id: str, actor: str, reason: str = "") -> RegistryEntry:
        """Let nothing fire until `resume`; what would have fired is decided `skipped`."""
        return await self._change(definition_id, Change.PAUSED, actor, reason)

    async def resume(self, definition_id: str, actor: str, reason: str = "") -> RegistryEntry:
        """Let it fire again from now on; nothing that was skipped is made up for."""
        return await self._change(definition_id, Change.RESUMED, actor, reason)

    async def _change(
        self, definition_id: str, change: Change, actor: str, reason: str
    ) -> RegistryEntry:
        """Append the change, unless things are so already (asking twice is fine)."""
        async with self._store.edit(actor, self._clock.now) as edit:
            entry = entry_of(edit.current.entries, definition_id)
            line = LogLine(
                definition_id,
                change,
                entry.version,
                paused=entry.paused if change is Change.RETIRED else change is Change.PAUSED,
                retired=entry.retired or change is Change.RETIRED,
                reason=reason,
                rollout=_kept(entry.rollout, change),
            )
            if entry.retired and change is not Change.RETIRED:
                raise ConflictError(
                    "it is retired",
                    subject=f"definition {definition_id}",
                    hint="apply its file again to bring it back",
                )
            if (line.paused, line.retired) != (entry.paused, entry.retired):
                await edit.log([line])
        self._doorbell.ring(Topic.RECONCILER)
        return (await self._store.snapshot()).entries[definition_id]


def _kept(rollout: Rollout | None, change: Change) -> Rollout | None:
    """A rollout outlives a pause, but not the definition."""
    if rollout is None or change is not Change.RETIRED or rollout.stopped:
        return rollout
    return replace(rollout, stopped="its definition is retired")


def entry_of(entries: Mapping[str, RegistryEntry], definition_id: str) -> RegistryEntry:
    """The entry of a definition.

    Raises:
        NotFoundError: it was never applied.
    """
    if definition_id not in entries:
        raise NotFoundError("no such definition", subject=f"definition {definition_id}")
    return entries[definition_id]


def refuse_idle(entry: RegistryEntry) -> None:
    """Refuse to run a definition by hand while nothing of it may run.

    Raises:
        ConflictError: it is paused, disabled or retired.
    """
    if entry.fires:
        return
    why, hint = _IDLE[entry.status]
    raise ConflictError(why, subject=f"definition {entry.definition.id}", hint=hint)
