"""Where the schedule of a definition stands, as JSON (see `ports.reading.Reading.schedules`)."""

from datetime import datetime

from activity_core.adapters.memory.rows import CursorRow
from activity_core.adapters.memory.state import Tables
from activity_core.core import ids
from activity_core.core.expression.condition import rfc3339
from activity_core.core.jsontext import JsonValue
from activity_core.core.schedule.punctuality import lag_seconds


def schedule_row(tables: Tables, row: CursorRow) -> dict[str, JsonValue]:
    """The cursor, and what became of the last slot that is decided."""
    cursor = row.cursor
    slots = {
        slot: decision
        for decision in tables.decisions.values()
        if decision.definition_id == cursor.definition_id
        and (slot := ids.slot_or_none(decision.input_key))
    }
    last = max(slots, default=None)
    decision = slots[last] if last else None
    run = tables.runs[decision.run_id] if decision and decision.run_id else None
    return {
        "since": _time(row.since),
        "covered_until": _time(cursor.covered_until),
        "next_slot": _time(cursor.next_slot),
        "wake_at": _time(cursor.wake_at),
        "last_slot": _time(last),
        "last_outcome": str(decision.outcome) if decision else None,
        "last_run_id": run.run_id if run else None,
        "lag_seconds": lag_seconds(last, run.fired_at if run else None),
    }


def _time(instant: datetime | None) -> str | None:
    return None if instant is None else rfc3339(instant)
