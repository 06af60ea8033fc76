"""Explain: why did, or didn't, this fire?

In: an event, a run or a task, as stored. Out: the same, with a verdict for every definition that
listened, those whose filter said no included: they left no row, so they are asked again, at the
registry revision that the event was routed with. What never came in has refusals instead. Runs and
tasks have their `lineage`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from activity_core.core.decision import Outcome
from activity_core.core.errors import NotFoundError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.explanation.listening import Heard, OtherSource, listening
from activity_core.core.jsontext import JsonValue
from activity_core.ports.reading import Query, Reading, Row
from activity_core.ports.registry import RegistryEntry, RegistryStore
from activity_core.services.lineage import Lineage
from activity_core.services.near_misses import NearMisses, of_other_sources


class Explain:
    """Explains events, runs and tasks of one tenant."""

    def __init__(self, reading: Reading, registry: RegistryStore) -> None:
        self._reading = reading
        self._registry = registry
        self._near = NearMisses(registry)

    async def event(self, source: str | None, event_id: str) -> Row:
        """The event's own row, plus `verdicts`, one per listening definition, and its `runs`.

        A verdict without a decision has the failing `clause` of the filter; a replay of the event
        adds another one of its definition. `nearest_misses` are
        definitions that would have fired had a little been otherwise: those that listen to other
        sources always, the others when no definition took the event.
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
        verdicts: list[Mapping[str, Any]] = list(row["decisions"])
        misses: list[Row] = []
        if routing := row["routing"]:
            event = EventEnvelope.from_json(dict(row["envelope"]))
            revision = int(routing["revision"])
            entries = (await self._registry.snapshot(revision)).entries
            heard, others = await asyncio.to_thread(judged, entries, event)
            routed = [item for item in verdicts if item["replay_id"] is None]
            verdicts += filtered(heard, beside=routed)
            misses = of_other_sources(others)
            if not routed:
                misses += await self._near.of(event, revision, entries)
        runs = dict.fromkeys(item["run_id"] for item in verdicts if item.get("run_id"))
        row["verdicts"] = sorted(verdicts, key=lambda item: str(item["definition_id"]))
        row["nearest_misses"] = misses
        row["runs"] = [await self._reading.run(str(run_id)) for run_id in runs]
        return row

    async def run(self, run_id: str) -> Row:
        """The run with its context, rules, tasks, events in and out, decisions, and `lineage`.

        Raises:
            NotFoundError: no such run.
        """
        run: Mapping[str, Any] = await self._reading.run(run_id)
        return {**run, "lineage": await Lineage(self._reading).of(run)}

    async def task(self, task_id: str) -> Row:
        """The task, and its `lineage`.

        Raises:
            NotFoundError: no such task.
        """
        task: Mapping[str, Any] = await self._reading.task(task_id)
        run = await self._reading.run(task["run_id"])
        return {**task, "lineage": await Lineage(self._reading).of(run, task)}

    async def _refusals(self, source: str | None, event_id: str) -> list[JsonValue]:
        """The newest ones."""
        filters = {"event_id": event_id} | ({} if source is None else {"source": source})
        return [dict(item) for item in (await self._reading.refusals(Query(filters))).items]


def judged(
    entries: Mapping[str, RegistryEntry], event: EventEnvelope
) -> tuple[list[Heard], list[OtherSource]]:
    """What everybody makes of an event who is not retired and listens to its type."""
    active = [(each.definition, each.version) for each in entries.values() if not each.retired]
    found = list(listening(active, event))
    heard = [each for each in found if isinstance(each, Heard)]
    return heard, [each for each in found if isinstance(each, OtherSource)]


def filtered(
    heard: Sequence[Heard], *, beside: Sequence[Mapping[str, Any]] = ()
) -> list[Mapping[str, Any]]:
    """Verdicts of those whose filter says no, unless their decision is there: it may ask for it."""
    decided = {item["definition_id"] for item in beside}
    return [
        {
            "definition_id": each.definition_id,
            "version": each.version,
            "outcome": str(Outcome.FILTERED),
            "reason": each.why_not.reason,
            "clause": each.why_not.clause,
        }
        for each in heard
        if each.why_not is not None and each.definition_id not in decided
    ]
