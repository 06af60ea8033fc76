"""Gaps as JSON: what `settled_slots` writes into `runs.gap` and `run_ledger` reads from it."""

from typing import Any

from activity_core.core.ids import occurrence_of_slot, slot_of_occurrence
from activity_core.core.jsontext import JsonValue
from activity_core.core.schedule.gap import Gap


def gap_document(gap: Gap) -> JsonValue:
    """`start`, `end`, `count` and `slots`; instants in RFC 3339."""
    return {
        "start": occurrence_of_slot(gap.start),
        "end": occurrence_of_slot(gap.end),
        "count": gap.count,
        "slots": [occurrence_of_slot(slot) for slot in gap.slots],
    }


def gap_from_document(document: dict[str, Any]) -> Gap:
    """The reverse of `gap_document`."""
    return Gap(
        start=slot_of_occurrence(document["start"]),
        end=slot_of_occurrence(document["end"]),
        count=document["count"],
        slots=tuple(slot_of_occurrence(slot) for slot in document["slots"]),
    )
