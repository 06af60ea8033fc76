"""The simulation: what would become of an event that nobody sent.

In: an event, whose source would send it, and drafts. Out: what the door would say, a verdict for
every definition that would listen, and what would follow; all by the code that judges, routes and
decides events that come. It only reads.
"""

import asyncio
from collections import Counter
from typing import Any

from activity_core.core.definition_file.bundle import Bundle
from activity_core.core.errors import NotFoundError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.reading import Reading, Row
from activity_core.ports.registry import RegistryStore
from activity_core.services.draft_registry import DraftRegistry
from activity_core.services.explain import filtered, judged
from activity_core.services.gate import Gate
from activity_core.services.near_misses import NearMisses, of_other_sources
from activity_core.services.registry import Registry
from activity_core.services.simulated_door import at_the_door
from activity_core.services.simulated_routing import SimulatedRouting

_NOTHING_DECIDED: dict[str, Any] = dict.fromkeys(
    ("occurrence_key", "run_id", "stage", "until", "follows")
)


class Simulation:
    """Simulates for one tenant."""

    def __init__(
        self,
        registry: Registry,
        store: RegistryStore,
        reading: Reading,
        gate: Gate,
        routing: SimulatedRouting,
    ) -> None:
        self._registry = registry
        self._store = store
        self._reading = reading
        self._gate = gate
        self._routing = routing
        self._near = NearMisses(store)

    async def event(
        self, event: EventEnvelope, *, sender: str | None = None, drafts: Bundle | None = None
    ) -> Row:
        """What would become of it now, with the drafts in the place of what they replace.

        Keys: source, id, type, state (refused, duplicate, unmatched or routed), admission (see
        `at_the_door`), revision, listened, counts, verdicts, displaces (ids of runs that would be
        cancelled), nearest_misses. An event that would be refused is judged all the same.

        Verdicts are those of `SimulatedRouting.of`, and of definitions whose filter says no, with
        its `clause`; `draft` says whether a draft was asked.

        Raises:
            InvalidDefinitionError: the drafts could not be applied.
            NotFoundError: no such sender.
        """
        snapshot, entrances = await self._store.snapshot(), await self._store.entrances()
        if drafts is not None:
            await self._registry.review(drafts, snapshot, entrances)
        registry = DraftRegistry.of(snapshot, entrances, drafts or Bundle())
        stored, admission = at_the_door(registry, self._gate, event, sender)
        heard, others = await asyncio.to_thread(judged, registry.entries, stored)
        listening = {each.definition_id: registry.entries[each.definition_id] for each in heard}
        decided, displaces = await self._routing.of(stored, listening)
        misses = of_other_sources(others)
        if not decided:
            misses += await self._near.of(stored, snapshot.revision, registry.entries)
        verdicts: list[dict[str, Any]] = [{"clause": None} | row for row in decided]
        verdicts += (_NOTHING_DECIDED | dict(row) for row in filtered(heard, beside=decided))
        for verdict in verdicts:
            verdict["draft"] = verdict["definition_id"] in registry.drafts
        verdicts.sort(key=lambda each: str(each["definition_id"]))
        return {
            "source": stored.source,
            "id": stored.id,
            "type": stored.type,
            "state": await self._state(stored, admission, listened=bool(heard)),
            "admission": dict(admission),
            "revision": snapshot.revision,
            "listened": len(heard),
            "counts": dict(Counter(verdict["outcome"] for verdict in verdicts)),
            "verdicts": list(verdicts),
            "displaces": list(displaces),
            "nearest_misses": [dict(miss) for miss in misses],
        }

    async def _state(self, event: EventEnvelope, admission: Row, *, listened: bool) -> str:
        if not admission["allowed"]:
            return "refused"
        try:
            await self._reading.event(event.source, event.id)
        except NotFoundError:
            return "routed" if listened else "unmatched"
        return "duplicate"
