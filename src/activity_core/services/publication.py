"""Publication: what of a set is new becomes versions and lines of the registry's log.

In: a bundle that passed its review, the registry locked for a change. Out: new immutable versions
and one new revision, or none if everything is there already; and the report of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.event_source import EventSource
from activity_core.core.definition.model import Versioned
from activity_core.core.definition_file.bundle import Bundle
from activity_core.core.errors import Issue
from activity_core.ports.entrances import Change, Entrance, EntranceLine
from activity_core.ports.registry import LogLine, RegistryEdit


@dataclass(frozen=True, slots=True)
class Applied:
    """What an `apply` did to one definition. `change`: created, updated or unchanged."""

    definition_id: str
    version: int
    change: str


@dataclass(frozen=True, slots=True)
class AppliedEntrance:
    """What an `apply` did to one source or event type; `change` as in `Applied`."""

    part_id: str
    version: int
    change: str


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """What an `apply` did, in order of ids; `warnings` are about what may surprise."""

    revision: int
    definitions: Sequence[Applied] = ()
    connections: Sequence[str] = ()
    calendars: Sequence[str] = ()
    sources: Sequence[AppliedEntrance] = ()
    event_types: Sequence[AppliedEntrance] = ()
    warnings: Sequence[Issue] = ()


async def publish(
    edit: RegistryEdit, bundle: Bundle, warnings: Sequence[Issue], *, reason: str = ""
) -> ApplyReport:
    """Store what is new. The revision of the report is the one before, if nothing is.

    The very document of a candidate is not published again: its version comes into force.
    """
    for connection in bundle.connections:
        await edit.put_connection(connection)
    for calendar in bundle.calendars:
        await edit.put_calendar(calendar)
    ordered = sorted(bundle.definitions, key=lambda definition: definition.id)
    definitions = [await _publish_definition(edit, definition) for definition in ordered]
    sources = [await _publish_entrance(edit, source) for source in _by_id(bundle.sources)]
    types = [await _publish_entrance(edit, type_) for type_ in _by_id(bundle.event_types)]
    lines = [_line(edit, item, reason) for item in definitions if item.change != "unchanged"]
    entrances = [
        *_entrance_lines(edit, "source", sources),
        *_entrance_lines(edit, "event_type", types),
    ]
    revision = edit.current.revision
    if lines or entrances or bundle.connections or bundle.calendars:
        revision = await edit.log(lines, entrances)
        await edit.account_for_slots(_with_slots(ordered, lines))
        await _look_back(edit, ordered, lines)
    return ApplyReport(
        revision,
        definitions,
        sorted(item.id for item in bundle.connections),
        sorted(item.id for item in bundle.calendars),
        sources,
        types,
        warnings,
    )


def _by_id(parts: Sequence[Entrance]) -> list[Entrance]:
    return sorted(parts, key=lambda part: part.id)


def _next(
    part: Versioned, published: Versioned | None, version: int, *, retired: bool
) -> tuple[int, str]:
    """The version that will be in force, and what this changes."""
    if published is None:
        return 1, "created"
    if part.digest == published.digest:
        return version, "updated" if retired else "unchanged"
    return version + 1, "updated"


async def _publish_definition(edit: RegistryEdit, definition: ActivityDefinition) -> Applied:
    entry = edit.current.entries.get(definition.id)
    before = entry.version if entry else 0
    published = entry.definition if entry else None
    retired = entry is not None and entry.retired
    version, change = _next(definition, published, before, retired=retired)
    if entry and entry.rollout and version > before:
        if entry.rollout.digest == definition.digest.hex():
            return Applied(definition.id, entry.rollout.version, "updated")
        version = entry.published + 1
    if version > before:
        await edit.publish(definition, version)
    return Applied(definition.id, version, change)


async def _publish_entrance(edit: RegistryEdit, part: Entrance) -> AppliedEntrance:
    known = edit.entrances
    entry = (known.sources if isinstance(part, EventSource) else known.event_types).get(part.id)
    before = entry.version if entry else 0
    published = entry.part if entry else None
    version, change = _next(part, published, before, retired=entry is not None and entry.retired)
    if version > before:
        await edit.publish_entrance(part, version)
    return AppliedEntrance(part.id, version, change)


def _line(edit: RegistryEdit, applied: Applied, reason: str) -> LogLine:
    """A pause by an operator survives; a retired definition comes back; a rollout is over."""
    entry = edit.current.entries.get(applied.definition_id)
    rollout = entry.rollout if entry else None
    return LogLine(
        applied.definition_id,
        Change.PUBLISHED,
        applied.version,
        paused=entry.paused if entry else False,
        retired=False,
        reason=reason,
        rollout=rollout if rollout and rollout.version > applied.version else None,
    )


def _entrance_lines(
    edit: RegistryEdit, kind: str, applied: Sequence[AppliedEntrance]
) -> list[EntranceLine]:
    """As with definitions; event types are never paused."""
    lines = []
    for item in applied:
        if item.change != "unchanged":
            entry = edit.entrances.sources.get(item.part_id) if kind == "source" else None
            paused = entry.paused if entry else False
            lines.append(
                EntranceLine(
                    kind, item.part_id, Change.PUBLISHED, item.version, paused=paused, retired=False
                )
            )
    return lines


def _with_slots(
    definitions: Sequence[ActivityDefinition], lines: Sequence[LogLine]
) -> Sequence[str]:
    published = {line.definition_id for line in lines}
    return [item.id for item in definitions if item.id in published and item.trigger.slot_triggers]


async def _look_back(
    edit: RegistryEdit, definitions: Sequence[ActivityDefinition], lines: Sequence[LogLine]
) -> None:
    """What came before a new composite started waiting may be part of what it waits for."""
    new = {line.definition_id for line in lines if line.version == 1}
    for definition in definitions:
        composite = definition.trigger.composite
        if composite is not None and composite.lookback and definition.id in new:
            await edit.look_back(definition.id, composite.lookback)
