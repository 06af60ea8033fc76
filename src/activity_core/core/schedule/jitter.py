"""Jitter: how much later than its slot a run starts, derived, so that it can be foretold."""

from datetime import datetime, timedelta

from activity_core.core.ids import digest, occurrence_of_slot


def delay(definition_id: str, slot: datetime, longest: timedelta) -> timedelta:
    """Between zero and `longest`, spread evenly over definitions and slots."""
    number = int.from_bytes(digest("jitter", definition_id, occurrence_of_slot(slot))[:8], "big")
    return longest * (number / 2**64)
