"""Routing, asked about an event that nobody sent.

In: an event and the definitions that listen to it. Out: what each of them makes of it, where flow
control would hold it, which run there is or would be, and which tasks would follow.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from itertools import chain
from typing import Any

from activity_core.core import ids
from activity_core.core.decision import Outcome, PendingEvent
from activity_core.core.errors import NotFoundError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.explanation.outlook import outlook
from activity_core.core.expression.condition import rfc3339
from activity_core.core.flow import verdict
from activity_core.core.flow.verdict import Verdict
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.occurrence import Occurrence, TriggerKind
from activity_core.ports.clock import Clock
from activity_core.ports.flow import Decided, FlowStore
from activity_core.ports.reading import Reading
from activity_core.ports.registry import RegistryEntry, RegistryStore
from activity_core.services.flow import Entries, FlowControl
from activity_core.services.flow_glance import glanced
from activity_core.services.listeners import Judged, Listeners

MOST_FOLLOWED = 20
"""Definitions for which it is said what would follow."""
MOST_TASKS = 50
"""Tasks of one run that are listed."""

VerdictRow = dict[str, Any]


class SimulatedRouting:
    """For one tenant; `config` is the deployment's map that definitions may read."""

    def __init__(
        self,
        store: RegistryStore,
        reading: Reading,
        flow: FlowStore,
        control: FlowControl,
        clock: Clock,
        *,
        tenant: str,
        config: Mapping[str, JsonValue],
    ) -> None:
        self._store = store
        self._reading = reading
        self._flow = flow
        self._control = control
        self._clock = clock
        self._tenant = tenant
        self._config = config

    async def of(
        self, event: EventEnvelope, entries: Entries
    ) -> tuple[list[VerdictRow], list[str]]:
        """A row per definition that does not filter it, and the ids of runs that would have to end.

        Keys of rows: definition_id, version, outcome, reason, occurrence_key, run_id (of the run
        that there is or would be), stage and until (where it would be held, and how long at most),
        follows (null but for a run of this event alone, and for at most `MOST_FOLLOWED`): asks
        (sources that would be asked, by name, with their kind), rules, tasks, more_tasks, failure.
        """
        at = self._clock.now()
        key = ids.event_key(self._tenant, event.source, event.id)
        pending = PendingEvent.of(event, position=0, key=key, received_at=at)
        found = await asyncio.to_thread(self._judged, pending, entries, at)
        decided, displaced = await glanced(self._flow, self._control, entries, found, at)
        said = verdict.one_each(
            chain(
                *(verdict.settled(*item) for item in decided.settled),
                *(verdict.fired(*item) for item in decided.fired),
            )
        )
        own = [each for each in said if each.member.event_key == key]
        rows = [await self._row(each, decided) for each in own]
        alone = {id_: group for id_, group in decided.fired if len(group.members) == 1}
        fired = [row for row in rows if row["outcome"] == Outcome.FIRED]
        for row in [row for row in fired if row["definition_id"] in alone][:MOST_FOLLOWED]:
            entry = await self._version(entries[row["definition_id"]], row["version"])
            row["follows"] = await asyncio.to_thread(self._follows, event, entry, row)
        return rows, list(displaced)

    async def _version(self, entry: RegistryEntry, version: int) -> RegistryEntry:
        """The entry as if that version of it, perhaps the candidate of a rollout, was in force."""
        if version == entry.version:
            return entry
        definition = await self._store.version(entry.definition.id, version)
        return replace(entry, definition=definition, version=version, rollout=None)

    def _judged(self, event: PendingEvent, entries: Entries, at: datetime) -> Judged:
        listeners = Listeners(self._store)
        for id_, entry in entries.items():
            listeners.learn(id_, entry)
        return listeners.judged(event, at)

    async def _row(self, said: Verdict, decided: Decided) -> VerdictRow:
        outcome, reason, run_id = said.outcome, said.reason, None
        if said.run_of is not None:
            run_id = ids.run_id(self._tenant, said.definition_id, said.run_of)
            if outcome in {Outcome.FIRED, Outcome.MERGED} and await self._is_there(run_id):
                outcome, reason = Outcome.DEDUPLICATED, verdict.REPEATED
        stage, until = _held(said, decided) if outcome is Outcome.HELD else (None, None)
        return {
            "definition_id": said.definition_id,
            "version": said.member.version,
            "outcome": str(outcome),
            "reason": reason,
            "occurrence_key": said.member.occurrence_key,
            "run_id": run_id,
            "stage": stage,
            "until": until,
            "follows": None,
        }

    async def _is_there(self, run_id: str) -> bool:
        try:
            await self._reading.run(run_id)
        except NotFoundError:
            return False
        return True

    def _follows(
        self, event: EventEnvelope, entry: RegistryEntry, row: VerdictRow
    ) -> dict[str, Any]:
        occurrence = Occurrence(
            row["occurrence_key"], TriggerKind.EVENT, event=event, events=[event]
        )
        found = outlook(entry.definition, entry.version, occurrence, row["run_id"], self._config)
        return {
            "asks": dict(found.asks),
            "rules": [asdict(trace) for trace in found.rules],
            "tasks": [
                {name: getattr(task, name) for name in _TASK} | {"groups": list(task.groups)}
                for task in found.tasks[:MOST_TASKS]
            ],
            "more_tasks": max(0, len(found.tasks) - MOST_TASKS),
            "failure": found.failure and asdict(found.failure),
        }


_TASK = ("task_id", "rule", "spec_id", "item", "kind", "title", "assignee", "inputs")


def _held(said: Verdict, decided: Decided) -> tuple[str | None, str | None]:
    """The stage that has it, and when that looks again at the latest."""
    for key, row in decided.rows.items():
        members: Iterable[Any] = chain(*(group.members for group in row.state.waiting))
        if key.definition_id == said.definition_id and said.member in members:
            return str(key.stage), rfc3339(row.wake_at) if row.wake_at else None
    return None, None
