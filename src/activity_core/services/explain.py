"""Explain: why did, or didn't, this fire?

In: an event or a run, as stored. Out: the same, with a verdict for every definition that listened,
those whose filter said no included: they left no row, so they are asked again, at the registry
revision that the event was routed with. What never came in has refusals instead.
"""

from collections.abc import Mapping
from typing import Any

from activity_core.core.errors import NotFoundError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.jsontext import JsonValue
from activity_core.ports.reading import Query, Reading, Row
from activity_core.ports.registry import RegistryStore
from activity_core.services.router import Listeners


class Explain:
    """Explains events and runs of one tenant."""

    def __init__(self, reading: Reading, registry: RegistryStore) -> None:
        self._reading = reading
        self._registry = registry

    async def event(self, source: str | None, event_id: str) -> Row:
        """The event's own row, plus `verdicts`, one per listening definition, and its `runs`.

        `refusals` are of the same source and id; of an event that was only ever refused they are
        all that there is, besides `source` (the one asked for), `id` and a `state` of `refused`.

        Raises:
            NotFoundError: no such event, and none was refused.
            AmbiguousError: several sources sent that id.
        """
        try:
            row: dict[str, Any] = dict(await self._reading.event(source, event_id))
        except NotFoundError:
            if not (refusals := await self._refusals(source, event_id)):
                raise
            return {"source": source, "id": event_id, "state": "refused", "refusals": refusals}
        row["refusals"] = await self._refusals(row["source"], event_id)
        decisions = {item["definition_id"]: item for item in row.get("decisions", ())}
        verdicts = list(decisions.values())
        routing = row.get("routing")
        if routing:
            recomputed = await self._matches(row["envelope"], int(routing["revision"]))
            verdicts += [item for id_, item in recomputed.items() if id_ not in decisions]
        runs = dict.fromkeys(item["run_id"] for item in verdicts if item.get("run_id"))
        row["verdicts"] = sorted(verdicts, key=lambda item: str(item["definition_id"]))
        row["runs"] = [await self._reading.run(str(run_id)) for run_id in runs]
        return row

    async def run(self, run_id: str) -> Row:
        """The run with its context, rules, tasks, events in and out, and decisions.

        Raises:
            NotFoundError: no such run.
        """
        return await self._reading.run(run_id)

    async def _refusals(self, source: str | None, event_id: str) -> list[JsonValue]:
        """The newest ones."""
        filters = {"event_id": event_id} | ({} if source is None else {"source": source})
        return [dict(item) for item in (await self._reading.refusals(Query(filters))).items]

    async def _matches(
        self, envelope: Mapping[str, Any], revision: int
    ) -> dict[str, dict[str, Any]]:
        listeners = Listeners.of(await self._registry.snapshot(revision))
        event = EventEnvelope.from_json(dict(envelope))
        return {
            match.definition_id: {
                "definition_id": match.definition_id,
                "version": match.version,
                "outcome": str(match.outcome),
                "reason": match.reason or "the filter says no",
            }
            for match in listeners.matcher.match(event)
        }
