"""Lineage: from a run, or one of its tasks, back to the first cause.

In: a run's row. Out: a link per run on the way: what it is for (events, a slot, a request), what
was decided about that, and if an event was one of our own, the run and the task that emitted it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from activity_core.core import ids
from activity_core.core.errors import NotFoundError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.reading import Reading, Row

MOST_STEPS = 16
"""Runs on the way back from one to the first cause: the router lets no longer chain grow."""
MOST_EVENTS = 20
"""Events of one run that are followed; a batch may have a thousand."""
MOST_LOOKUPS = 200
"""Events that one answer follows in all."""

_OURS = "/activity-core/"
Link = dict[str, Any]


class Lineage:
    """One answer; `reading` is asked for each step."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._lookups = 0

    async def of(self, run: Row, task: Row | None = None, *, steps: int = MOST_STEPS) -> Link:
        """The link of a run, with those that led to it below.

        Keys: run_id, definition_id, version_used, trigger, case_id (null unless it is of a case),
        fired_at, context_hash, task (null, or what of its tasks is on the way), rule (the trace of
        that task's rule), causes, and more_causes (how many events are left out).
        """
        whole: Mapping[str, Any] = run
        traces = {trace["rule"]: trace for trace in whole["rules"] or ()}
        events = whole["events"][:MOST_EVENTS]
        causes = [await self._event(whole, event, steps) for event in events]
        return {
            **{name: whole[name] for name in _RUN},
            "task": task and {name: task[name] for name in _TASK},
            "rule": traces.get(task["rule"]) if task else None,
            "causes": [*_again(whole), *(causes or [_timely(whole)])],
            "more_causes": len(whole["events"]) - len(events),
        }

    async def _event(self, run: Mapping[str, Any], named: Row, steps: int) -> Link:
        source, event_id = str(named["source"]), str(named["id"])
        about = [
            each
            for each in run["decisions"]
            if (each["source"], each["event_id"]) == (source, event_id)
        ]
        cause: Link = {
            "kind": "event",
            "name": f"{source} {event_id}",
            "decisions": [_decision(each) for each in about],
            "event": {"source": source, "id": event_id},
            "emitted_by": None,
        }
        if self._lookups == MOST_LOOKUPS:
            return cause
        self._lookups += 1
        try:
            row: Mapping[str, Any] = await self._reading.event(source, event_id)
        except NotFoundError:  # events are not kept for ever
            return cause
        envelope = EventEnvelope.from_json(dict(row["envelope"]))
        cause["event"] |= {
            "type": envelope.type,
            "subject": envelope.subject,
            "received_at": row["received_at"],
            "via": row["via"],
            "causation_depth": envelope.causation_depth,
        }
        if source.startswith(_OURS) and steps > 1:
            cause["emitted_by"] = await self._emitter(envelope, steps - 1)
        return cause

    async def _emitter(self, event: EventEnvelope, steps: int) -> Link | None:
        run_id = await self._reading.emitter(event.id)
        if run_id is None:
            return None
        run: Mapping[str, Any] = await self._reading.run(run_id)
        return await self.of(run, _speaker(run["tasks"], event), steps=steps)


_RUN = (
    "run_id",
    "definition_id",
    "version_used",
    "trigger",
    "case_id",
    "fired_at",
    "context_hash",
)
_TASK = ("task_id", "rule", "spec_id", "item", "kind", "title", "status")
_DECISION = ("outcome", "reason", "version", "backfill_id", "replay_id", "decided_at")


def _speaker(tasks: Sequence[Row], event: EventEnvelope) -> Row | None:
    """The task that an event is about, or was emitted by; None if it is about the run."""
    for task in tasks:
        task_id = str(task["task_id"])
        if task_id == event.subject or ids.announcement_id(event.type, task_id) == event.id:
            return task
    return None


def _again(run: Mapping[str, Any]) -> list[Link]:
    """The run that this one repeats, if it was asked to; its causes are those of that one."""
    if run["rerun_of"] is None:
        return []
    decisions = [_decision(each) for each in run["decisions"]]
    return [_cause("rerun", str(run["rerun_of"]), decisions)]


def _timely(run: Mapping[str, Any]) -> Link:
    """What a run is for that has no event."""
    slot, key = run["scheduled_for"], str(run["occurrence_key"])
    decisions = [] if run["rerun_of"] else [_decision(each) for each in run["decisions"]]
    backfills = dict.fromkeys(each["backfill_id"] for each in run["decisions"])
    backfill = next((str(each) for each in backfills if each), None)
    if run["timer"] is not None:
        kind, name = "timer", str(run["timer"])
    elif slot is None:
        kind, name = "request", key.removeprefix("m.")
    elif run["trigger"] == "backfill":
        kind, name = "backfill", f"{backfill or ''} {slot}".strip()
    else:
        kind, name = "slot", str(slot)
    return _cause(kind, name, decisions)


def _cause(kind: str, name: str, decisions: list[Link]) -> Link:
    return {
        "kind": kind,
        "name": name,
        "decisions": decisions,
        "event": None,
        "emitted_by": None,
    }


def _decision(row: Mapping[str, Any]) -> Link:
    return {name: row[name] for name in _DECISION}
