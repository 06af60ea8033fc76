"""Near misses: who would have listened to an event, had a little been otherwise.

In: an event that no definition took, and the registry as it was then and is now. Out: sentences
about definitions and event types whose type is a typing error away, that listen to other sources,
that are retired, or that were published later.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from activity_core.core.definition.trigger import TriggerSet
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.explanation.listening import Heard, OtherSource, listening
from activity_core.core.explanation.near import nearness
from activity_core.ports.reading import Row
from activity_core.ports.registry import RegistryEntry, RegistrySnapshot, RegistryStore

MOST = 20
"""Of each kind: whoever misses by so much has another question."""


class NearMisses:
    """Asks the registry of one tenant."""

    def __init__(self, registry: RegistryStore) -> None:
        self._registry = registry

    async def of(
        self, event: EventEnvelope, revision: int, entries: Mapping[str, RegistryEntry]
    ) -> list[Row]:
        """Near misses of an event that met the `entries` of a revision.

        Keys: kind (type, source, retired, published_later, event_type), id, version (null of an
        event type), why.
        """
        newer = await self._registry.changed_since(revision)
        entrances = await self._registry.entrances()
        types = entrances.event_types.items()
        active = {id_: each.part.type for id_, each in types if not each.retired}
        return await asyncio.to_thread(_found, event, entries, newer, active)


def of_other_sources(found: Sequence[OtherSource]) -> list[Row]:
    """Those that listen to the type, but not to this source."""
    return [
        _miss(
            "source",
            each.definition_id,
            each.version,
            f"listens to this type, but of {' and '.join(each.sources)}",
        )
        for each in found[:MOST]
    ]


def _found(
    event: EventEnvelope,
    entries: Mapping[str, RegistryEntry],
    newer: RegistrySnapshot,
    types: Mapping[str, str],
) -> list[Row]:
    kinds = (
        _retired(event, entries),
        _published_later(event, entries, newer),
        _typed(event, entries),
        _registered(event, types),
    )
    return [miss for kind in kinds for miss in islice(kind, MOST)]


def _retired(event: EventEnvelope, entries: Mapping[str, RegistryEntry]) -> Iterator[Row]:
    retired = [(each.definition, each.version) for each in entries.values() if each.retired]
    for each in listening(retired, event):
        if isinstance(each, Heard) and each.why_not is None:
            why = "would take it, but was retired"
            yield _miss("retired", each.definition_id, each.version, why)


def _published_later(
    event: EventEnvelope, entries: Mapping[str, RegistryEntry], newer: RegistrySnapshot
) -> Iterator[Row]:
    now = [
        (each.definition, each.version)
        for id_, each in newer.entries.items()
        if not each.retired
        and (id_ not in entries or entries[id_].retired or entries[id_].version < each.version)
    ]
    for each in listening(now, event):
        if isinstance(each, Heard) and each.why_not is None:
            why = f"version {each.version} takes it, but was published after it was routed"
            yield _miss("published_later", each.definition_id, each.version, why)


def _typed(event: EventEnvelope, entries: Mapping[str, RegistryEntry]) -> Iterator[Row]:
    known: dict[str, str | None] = {}
    for entry in entries.values():
        if entry.retired:
            continue
        for pattern in _types(entry.definition.trigger):
            if pattern not in known:
                known[pattern] = nearness(pattern, event.type)
            if (near := known[pattern]) is not None:
                state = "" if entry.fires else f", and is {entry.status}"
                why = f"listens to {pattern}: {near}{state}"
                yield _miss("type", entry.definition.id, entry.version, why)


def _types(trigger: TriggerSet) -> list[str]:
    return list(dict.fromkeys(type_ for part in trigger.heard for type_ in part.all_types))


def _registered(event: EventEnvelope, types: Mapping[str, str]) -> Iterator[Row]:
    for id_, pattern in types.items():
        if (near := nearness(pattern, event.type)) is not None and pattern != event.type:
            yield _miss("event_type", id_, None, f"registers {pattern}: {near}")


def _miss(kind: str, id_: str, version: int | None, why: str) -> Row:
    return {"kind": kind, "id": id_, "version": version, "why": why}
