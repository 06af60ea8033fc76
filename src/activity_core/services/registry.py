"""The registry's use cases: apply a set of definitions, retire, pause, resume.

In: parsed definitions from the API. Out: new immutable versions and one new revision, all or
nothing; then a ring for the reconciler, which makes the schedules follow.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition_file.bundle import MAX_ISSUES, Bundle
from activity_core.core.definition_file.check import check_definition
from activity_core.core.definition_file.review import review
from activity_core.core.errors import ConflictError, InvalidDefinitionError, Issue, NotFoundError
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.entrances import Change
from activity_core.ports.registry import (
    LogLine,
    RegistryEdit,
    RegistryEntry,
    RegistrySnapshot,
    RegistryStore,
)

_IDLE = {
    "retired": ("it is retired", "apply its file again"),
    "paused": ("it is paused", "resume it first"),
    "disabled": ("it says enabled: false", "change its file"),
}


@dataclass(frozen=True, slots=True)
class Applied:
    """What an `apply` did to one definition. `change`: created, updated or unchanged."""

    definition_id: str
    version: int
    change: str


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """What an `apply` did, in order of ids; `warnings` are about schedules that may surprise."""

    revision: int
    definitions: Sequence[Applied]
    connections: Sequence[str] = ()
    calendars: Sequence[str] = ()
    warnings: Sequence[Issue] = ()


class Registry:
    """Definitions, connections and calendars of one tenant."""

    def __init__(
        self,
        store: RegistryStore,
        doorbell: Doorbell,
        clock: Clock,
        *,
        config: Mapping[str, object],
    ) -> None:
        self._store = store
        self._doorbell = doorbell
        self._clock = clock
        self._config = config

    async def apply(self, bundle: Bundle, actor: str) -> ApplyReport:
        """Upsert a set, all or nothing; what is absent from it stays as it is.

        Raises:
            InvalidDefinitionError: with every issue found; nothing was applied.
        """
        async with self._store.edit(actor, self._clock.now) as edit:
            # Thousands of schedules take seconds; events go on meanwhile.
            warnings = await asyncio.to_thread(self._check, bundle, edit.current)
            for connection in bundle.connections:
                await edit.put_connection(connection)
            for calendar in bundle.calendars:
                await edit.put_calendar(calendar)
            definitions = sorted(bundle.definitions, key=lambda definition: definition.id)
            applied = [await _upsert(edit, definition) for definition in definitions]
            lines = [_published(edit, item) for item in applied if item.change != "unchanged"]
            touched = bool(lines or bundle.connections or bundle.calendars)
            revision = edit.current.revision
            if touched:
                revision = await edit.log(lines)
                await edit.account_for_slots(_with_slots(definitions, lines))
        if touched:
            self._doorbell.ring(Topic.RECONCILER)
        return ApplyReport(
            revision,
            applied,
            sorted(item.id for item in bundle.connections),
            sorted(item.id for item in bundle.calendars),
            warnings,
        )

    def _check(self, bundle: Bundle, known: RegistrySnapshot) -> Sequence[Issue]:
        """Refuse what is wrong; what is only unwise comes back."""
        connections = {**known.connections, **{item.id: item for item in bundle.connections}}
        issues = [
            bundle.issue(definition, path, message)
            for definition in bundle.definitions
            for path, message in check_definition(definition, connections, self._config.keys())
        ]
        found = review(bundle, known.calendars, self._clock.now())
        if issues or found.refusals:
            raise InvalidDefinitionError([*issues, *found.refusals])
        return found.warnings[:MAX_ISSUES]

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


def _with_slots(
    definitions: Sequence[ActivityDefinition], lines: Sequence[LogLine]
) -> Sequence[str]:
    published = {line.definition_id for line in lines}
    return [item.id for item in definitions if item.id in published and item.trigger.slot_triggers]


async def _upsert(edit: RegistryEdit, definition: ActivityDefinition) -> Applied:
    entry = edit.current.entries.get(definition.id)
    if entry is None:
        await edit.publish(definition, 1)
        return Applied(definition.id, 1, "created")
    if entry.definition.digest == definition.digest:
        return Applied(definition.id, entry.version, "updated" if entry.retired else "unchanged")
    await edit.publish(definition, entry.version + 1)
    return Applied(definition.id, entry.version + 1, "updated")


def _published(edit: RegistryEdit, applied: Applied) -> LogLine:
    """A pause by an operator survives; a retired definition comes back."""
    entry = edit.current.entries.get(applied.definition_id)
    paused = entry.paused if entry else False
    return LogLine(
        applied.definition_id, Change.PUBLISHED, applied.version, paused=paused, retired=False
    )
