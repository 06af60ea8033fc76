"""Rows as JSON, with the published field names (see `ports.reading`)."""

from dataclasses import asdict
from datetime import datetime

from activity_core.adapters.memory.rows import (
    DecisionRow,
    EventRow,
    OutgoingRow,
    RoutingRow,
    RunLogRow,
    RunRow,
    TaskRow,
)
from activity_core.adapters.memory.state import Tables
from activity_core.core.expression.condition import rfc3339
from activity_core.core.jsontext import JsonValue, parse_json
from activity_core.core.rules.occurrence import TriggerKind
from activity_core.core.run.run import RunFailure
from activity_core.core.schedule.gap import Gap
from activity_core.core.schedule.punctuality import about_input, lag_seconds
from activity_core.ports.run_control import MOST_LINES

Json = dict[str, JsonValue]


def event_item(tables: Tables, row: EventRow) -> Json:
    """An item of the list of events."""
    envelope = row.envelope
    return {
        "source": envelope.source,
        "id": envelope.id,
        "type": envelope.type,
        "subject": envelope.subject,
        "time": _time(envelope.time),
        "received_at": _time(row.received_at),
        "via": row.via,
        "state": _state(tables, row.key),
    }


def _state(tables: Tables, key: bytes) -> str:
    routing = tables.routings.get(key)
    if routing is not None:
        return "routed" if routing.listened else "unmatched"
    return "pending" if key in tables.pending_events.values() else "buried"


def event_detail(tables: Tables, row: EventRow) -> Json:
    """One event, explained."""
    routing = tables.routings.get(row.key)
    decisions = [each for each in tables.decisions.values() if each.event_key == row.key]
    return event_item(tables, row) | {
        "envelope": row.envelope.to_json(),
        "routing": None if routing is None else _routing(routing),
        "decisions": [
            decision_item(tables, each)
            for each in sorted(decisions, key=lambda each: (each.definition_id, each.decided_at))
        ],
    }


def decision_item(tables: Tables, row: DecisionRow) -> Json:
    """An item of the list of decisions."""
    envelope = tables.events[row.event_key].envelope if row.event_key else None
    return {
        "definition_id": row.definition_id,
        "version": row.version,
        "outcome": str(row.outcome),
        "reason": row.reason,
        "trace": row.trace,
        "occurrence_key": row.occurrence_key,
        "run_id": row.run_id,
        "source": envelope.source if envelope else None,
        "event_id": envelope.id if envelope else None,
        **about_input(row.input_key, row.occurrence_key, row.decided_at),
        "decided_at": _time(row.decided_at),
    }


def run_item(tables: Tables, row: RunRow) -> Json:
    """An item of the list of runs."""
    execution = tables.executions[row.execution_id] if row.execution_id else None
    occurrence, envelopes = row.occurrence, [tables.events[key].envelope for key in row.events]
    tasks: list[JsonValue] = [str(task["task_id"]) for task in run_tasks(tables, row)]
    return {
        "run_id": row.run_id,
        "definition_id": row.definition_id,
        "version_used": row.version,
        "occurrence_key": occurrence.key,
        "trigger": str(occurrence.trigger),
        "status": str(row.status),
        "attempt": row.attempt,
        "workflow_id": execution.workflow_id if execution else None,
        "scheduled_for": _time(occurrence.scheduled_for),
        "lag_seconds": None
        if occurrence.trigger is TriggerKind.BACKFILL or row.rerun_of is not None
        else lag_seconds(occurrence.scheduled_for, row.started_at),
        "gap": _gap(occurrence.gap),
        "fired_at": _time(row.fired_at),
        "started_at": _time(row.started_at),
        "finished_at": _time(row.finished_at),
        "failure": _failure(row.failure),
        "events": [{"source": envelope.source, "id": envelope.id} for envelope in envelopes],
        "events_forgotten": 0,
        "tasks_spawned": tasks,
        "context_hash": row.context_hash,
        "rerun_of": row.rerun_of,
        "case_id": row.case_id,
        "timer": occurrence.timer or None,
        "stop": row.stop,
    }


def run_detail(tables: Tables, row: RunRow) -> Json:
    """One run, explained."""
    decisions = [each for each in tables.decisions.values() if each.run_id == row.run_id]
    outgoing = [each for each in tables.outbox.values() if each.key == row.run_id]
    lines = [each for each in tables.run_log.values() if each.run_id == row.run_id]
    return run_item(tables, row) | {
        "input": row.occurrence.input,
        "context_snapshot": None if row.snapshot is None else parse_json(row.snapshot),
        "rules": None if row.rules is None else [asdict(trace) for trace in row.rules],
        "tasks": list(run_tasks(tables, row)),
        "events_out": [
            _outgoing(each) for each in sorted(outgoing, key=lambda each: each.position)
        ],
        "decisions": [
            decision_item(tables, each)
            for each in sorted(decisions, key=lambda each: each.decided_at)
        ],
        "log": [_log_line(each) for each in lines[-MOST_LINES:]],
    }


def _log_line(row: RunLogRow) -> Json:
    line = row.line
    return {
        "action": line.action.value,
        "at": _time(row.at),
        "by": line.by,
        "reason": line.reason,
        "about": line.about,
    }


def run_tasks(tables: Tables, row: RunRow) -> list[Json]:
    """The tasks of a run, in order of rule, spec id and item."""
    mine = [each for each in tables.tasks.values() if each.task.run_id == row.run_id]
    mine.sort(key=lambda each: (each.task.rule, each.task.spec_id, each.task.item))
    return [task_item(each) for each in mine]


def task_item(row: TaskRow) -> Json:
    """An item of the list of tasks."""
    task, result = row.task, row.task.result
    return {
        "task_id": task.task_id,
        "run_id": task.run_id,
        "definition_id": task.definition_id,
        "version": task.version,
        "rule": task.rule,
        "spec_id": task.spec_id,
        "item": task.item,
        "kind": str(task.kind),
        "title": task.title,
        "status": str(task.status),
        "inputs": task.inputs,
        "needs": list(task.needs),
        "assignee": task.assignee,
        "groups": list(task.groups),
        "wait": task.wait,
        "due_at": _time(task.clock.due_at),
        "follow_up_at": _time(task.clock.follow_up_at),
        "claimed_by": task.claimed_by,
        "revision": task.revision,
        "role": str(task.role),
        "about": task.about,
        "late": task.late,
        "outcome": result.outcome if result else None,
        "outputs": result.outputs if result else None,
        "error": result.error if result else None,
        "error_type": result.error_type if result else None,
        "comment": result.comment if result else None,
        "completed_by": result.by if result else None,
        "created_at": _time(row.created_at),
        "started_at": _time(row.started_at),
        "finished_at": _time(row.finished_at),
        "attempts": row.attempts,
    }


def _outgoing(row: OutgoingRow) -> Json:
    return {
        "event_id": row.event_id,
        "type": row.type,
        "subject": row.subject,
        "created_at": _time(row.created_at),
        "sent": row.sent,
    }


def _routing(row: RoutingRow) -> Json:
    return {
        "revision": row.revision,
        "listened": row.listened,
        "counts": dict(row.counts),
        "routed_at": _time(row.routed_at),
    }


def _gap(gap: Gap | None) -> JsonValue:
    if gap is None:
        return None
    return {
        "start": rfc3339(gap.start),
        "end": rfc3339(gap.end),
        "count": gap.count,
        "slots": [rfc3339(slot) for slot in gap.slots],
    }


def _failure(failure: RunFailure | None) -> JsonValue:
    return {"code": failure.code, "message": failure.message} if failure else None


def _time(instant: datetime | None) -> str | None:
    return None if instant is None else rfc3339(instant)
