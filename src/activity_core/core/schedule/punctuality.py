"""Punctuality: what a decision is about, and how late things were, as lists show it."""

from datetime import datetime

from activity_core.core import ids
from activity_core.core.expression.condition import rfc3339
from activity_core.core.jsontext import JsonValue


def lag_seconds(slot: datetime | None, at: datetime | None) -> float | None:
    """How much later than the slot; None if one of them is not known (yet)."""
    return None if slot is None or at is None else round((at - slot).total_seconds(), 3)


def about_input(input_key: str, occurrence_key: str, decided_at: datetime) -> dict[str, JsonValue]:
    """`slot`, `lag_seconds`, `backfill_id` and `replay_id` of a decision; null where there is none.

    What a backfill decides is not late: it was asked for then.
    """
    backfill = ids.backfill_of_input(input_key)
    slot = ids.slot_or_none(occurrence_key)
    return {
        "slot": rfc3339(slot) if slot else None,
        "lag_seconds": None if backfill else lag_seconds(slot, decided_at),
        "backfill_id": backfill,
        "replay_id": ids.replay_of_input(input_key),
    }
