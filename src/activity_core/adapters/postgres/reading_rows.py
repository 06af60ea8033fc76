"""Rows of runs, tasks, decisions, events and what did not get in as JSON (see `ports.reading`)."""

import json
from collections.abc import Sequence
from datetime import datetime

from psycopg.rows import DictRow

from activity_core.core.expression.condition import rfc3339
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.occurrence import TriggerKind
from activity_core.core.run.task import FINAL
from activity_core.core.schedule.punctuality import about_input, lag_seconds

Json = dict[str, JsonValue]


def event_item(row: DictRow) -> Json:
    """An item of the list of events."""
    return {
        "source": row["source"],
        "id": row["event_id"],
        "type": row["type"],
        "subject": row["subject"],
        "time": _time(row["occurred_at"]),
        "received_at": _time(row["received_at"]),
        "via": row["via"],
        "state": row["state"],
    }


def event_detail(row: DictRow, decisions: Sequence[DictRow]) -> Json:
    """One event, explained."""
    routing: JsonValue = None
    if row["routed_at"] is not None:
        routing = {
            "revision": row["revision"],
            "listened": row["listened"],
            "counts": row["counts"],
            "routed_at": _time(row["routed_at"]),
        }
    return event_item(row) | {
        "envelope": json.loads(row["body"]),
        "routing": routing,
        "decisions": [decision_item(each) for each in decisions],
    }


def decision_item(row: DictRow) -> Json:
    """An item of the list of decisions."""
    source, event_id = row["event"] or (None, None)
    return {
        "definition_id": row["definition_id"],
        "version": row["version"],
        "outcome": row["outcome"],
        "reason": row["reason"],
        "trace": row["trace"],
        "occurrence_key": row["occurrence_key"],
        "run_id": row["run_id"],
        "source": source,
        "event_id": event_id,
        **about_input(row["input_key"], row["occurrence_key"], row["decided_at"]),
        "decided_at": _time(row["decided_at"]),
    }


def run_item(row: DictRow) -> Json:
    """An item of the list of runs."""
    failure: JsonValue = None
    if row["failure_code"] is not None:
        failure = {"code": row["failure_code"], "message": row["failure_message"]}
    return {
        "run_id": row["run_id"],
        "definition_id": row["definition_id"],
        "version_used": row["version"],
        "occurrence_key": row["occurrence_key"],
        "trigger": row["trigger"],
        "status": row["status"],
        "attempt": row["attempt"],
        "workflow_id": row["workflow_id"],
        "scheduled_for": _time(row["scheduled_for"]),
        "lag_seconds": None
        if row["trigger"] == TriggerKind.BACKFILL or row["rerun_of"] is not None
        else lag_seconds(row["scheduled_for"], row["started_at"]),
        "gap": row["gap"],
        "fired_at": _time(row["fired_at"]),
        "started_at": _time(row["started_at"]),
        "finished_at": _time(row["finished_at"]),
        "failure": failure,
        "events": [event for event in row["events"] if event],
        "events_forgotten": row["events"].count(None),
        "tasks_spawned": row["tasks_spawned"],
        "context_hash": row["context_hash"],
        "rerun_of": row["rerun_of"],
        "case_id": row["case_id"],
        "timer": row["timer"],
        "stop": row["stop"],
    }


def run_detail(
    row: DictRow,
    tasks: Sequence[DictRow],
    events_out: Sequence[DictRow],
    decisions: Sequence[DictRow],
    log: Sequence[DictRow],
) -> Json:
    """One run, explained."""
    return run_item(row) | {
        "input": row["input"],
        "context_snapshot": row["context_snapshot"],
        "rules": row["rules"],
        "tasks": [task_item(each) for each in tasks],
        "events_out": [
            {
                "event_id": each["event_id"],
                "type": each["type"],
                "subject": each["subject"],
                "created_at": _time(each["created_at"]),
                "sent": each["sent"],
            }
            for each in events_out
        ],
        "decisions": [decision_item(each) for each in decisions],
        "log": [each | {"at": _time(each["at"])} for each in log],
    }


def task_item(row: DictRow) -> Json:
    """An item of the list of tasks."""
    ended = row["status"] in FINAL
    return {
        "task_id": row["task_id"],
        "run_id": row["run_id"],
        "definition_id": row["definition_id"],
        "version": row["version"],
        "rule": row["rule"],
        "spec_id": row["spec_id"],
        "item": row["item"],
        "kind": row["kind"],
        "title": row["title"],
        "status": row["status"],
        "inputs": row["inputs"],
        "needs": row["needs"],
        "assignee": row["assignee"],
        "groups": row["groups"],
        "wait": row["wait"],
        "due_at": _time(row["due_at"]),
        "follow_up_at": _time(row["follow_up_at"]),
        "claimed_by": row["claimed_by"],
        "revision": row["revision"],
        "role": row["role"],
        "about": row["about"],
        "late": row["late"],
        "outcome": row["outcome"],
        "outputs": row["outputs"],
        "error": row["error"] if ended else None,
        "error_type": row["error_type"] if ended else None,
        "comment": row["comment"] if ended else None,
        "completed_by": row["completed_by"] if ended else None,
        "created_at": _time(row["created_at"]),
        "started_at": _time(row["started_at"]),
        "finished_at": _time(row["finished_at"]),
        "attempts": row["attempts"],
    }


def schedule_row(row: DictRow) -> Json:
    """Where the schedule of a definition stands."""
    return {
        "since": _time(row["since"]),
        "covered_until": _time(row["covered_until"]),
        "next_slot": _time(row["next_slot"]),
        "wake_at": _time(row["wake_at"]),
        "last_slot": _time(row["last_slot"]),
        "last_outcome": row["last_outcome"],
        "last_run_id": row["last_run_id"],
        "lag_seconds": lag_seconds(row["last_slot"], row["fired_at"]),
    }


def dead_letter_item(row: DictRow) -> Json:
    """An item of the list of dead letters."""
    return {
        "dead_letter_id": row["dead_letter_id"],
        "via": row["via"],
        "source_id": row["source_id"],
        "subject": row["subject"],
        "run_id": row["run_id"],
        "definition_id": row["definition_id"],
        "code": row["code"],
        "message": row["message"],
        "buried_at": _time(row["buried_at"]),
        "status": row["status"],
        "resolved_by": row["resolved_by"],
        "resolved_at": _time(row["resolved_at"]),
    }


def refusal_item(row: DictRow) -> Json:
    """An item of the list of refusals."""
    return {
        "refused_at": _time(row["refused_at"]),
        "via": row["via"],
        "sender": row["sender"],
        "code": row["code"],
        "message": row["message"],
        "source": row["event_source"] or None,
        "event_id": row["event_id"] or None,
        "event_type": row["event_type"] or None,
        "dead_letter_id": row["dead_letter_id"] or None,
    }


def _time(instant: datetime | None) -> str | None:
    return None if instant is None else rfc3339(instant)
