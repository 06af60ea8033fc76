"""The registry as it would be with drafts applied to it.

In: what is in force and a bundle of drafts. Out: the same with the drafts in the place of what they
replace. Nothing is published.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.event_source import EventSource
from activity_core.core.definition.event_type import EventType
from activity_core.core.definition_file.bundle import Bundle
from activity_core.ports.entrances import EntranceEntry, Entrances, EntranceT
from activity_core.ports.registry import RegistryEntry, RegistrySnapshot


@dataclass(frozen=True, slots=True)
class DraftRegistry:
    """What would be in force; `drafts` are ids of definitions that come from drafts."""

    revision: int
    entries: Mapping[str, RegistryEntry]
    sources: Mapping[str, EntranceEntry[EventSource]]
    event_types: Mapping[str, EntranceEntry[EventType]]
    drafts: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, snapshot: RegistrySnapshot, entrances: Entrances, bundle: Bundle
    ) -> "DraftRegistry":
        """A definition's pause survives, as it does when it is applied."""
        drafted = {
            part.id: _entry(part, snapshot.entries.get(part.id)) for part in bundle.definitions
        }
        return cls(
            snapshot.revision,
            {**snapshot.entries, **drafted},
            _entrances(entrances.sources, {part.id: part for part in bundle.sources}),
            _entrances(entrances.event_types, {part.id: part for part in bundle.event_types}),
            frozenset(drafted),
        )


def _entry(draft: ActivityDefinition, now: RegistryEntry | None) -> RegistryEntry:
    if now is None:
        return RegistryEntry(draft, 1, paused=False, retired=False, revision=0)
    version = now.version + (draft.digest != now.definition.digest)
    return replace(now, definition=draft, version=version, retired=False)


def _entrances(
    now: Mapping[str, EntranceEntry[EntranceT]], drafts: Mapping[str, EntranceT]
) -> dict[str, EntranceEntry[EntranceT]]:
    found = dict(now)
    for id_, part in drafts.items():
        entry = now.get(id_) or EntranceEntry(part, 0, paused=False, retired=False, revision=0)
        found[id_] = replace(entry, part=part, retired=False)
    return found
