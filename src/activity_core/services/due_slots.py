"""Due slots: which slots a settler has to decide about, and how many at once.

In: locked cursors and what was in force when. Out: expected slots by definition, bounded.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice

from activity_core.core.schedule.expected import expected_slots
from activity_core.core.schedule.settlement import ExpectedSlot
from activity_core.ports.slot_ledger import OpenCursor, SlotCursor
from activity_core.services.slot_history import SlotHistory

MOST_SLOTS = 10_000
"""Slots that are decided in one transaction, and of one definition at once."""


def slots_due(
    due: Sequence[OpenCursor], histories: Mapping[str, SlotHistory], at: datetime
) -> dict[str, list[ExpectedSlot]]:
    """By definition id; as many definitions as fit, the others are still due afterwards."""
    expected: dict[str, list[ExpectedSlot]] = {}
    left = MOST_SLOTS
    for opened in due:
        if left <= 0:
            break
        id_, history = opened.cursor.definition_id, histories.get(opened.cursor.definition_id)
        found = (
            expected_slots(history.reigns, opened.cursor.covered_until, at) if history else iter(())
        )
        expected[id_] = [
            _unless_too_late(slot, opened.cursor, history) for slot in islice(found, MOST_SLOTS)
        ]
        left -= len(expected[id_])
    return expected


def _unless_too_late(
    slot: ExpectedSlot, cursor: SlotCursor, history: SlotHistory | None
) -> ExpectedSlot:
    """A slot before the planned next one, of a schedule that was known then, was none then.

    One of its calendars got that day later; a change of a calendar fires no past slot either.
    """
    planned = cursor.next_slot
    if history is None or planned is None or slot.at >= planned or slot.blocked:
        return slot
    later_reigns = history.reigns[1:] if history.reigns[0].at <= cursor.covered_until else None
    if later_reigns is None or (later_reigns and slot.at > later_reigns[0].at):
        return slot
    return ExpectedSlot(slot.at, "outside_validity: its day was added when it had passed already")


def asked_for(
    due: Sequence[OpenCursor], expected: Mapping[str, Sequence[ExpectedSlot]]
) -> Mapping[str, Sequence[datetime]]:
    """All slots that may get a run now; a backfill may have given them one."""
    asked = {
        opened.cursor.definition_id: [
            *opened.held,
            *(slot.at for slot in expected.get(opened.cursor.definition_id, ())),
        ]
        for opened in due
    }
    return {definition_id: slots for definition_id, slots in asked.items() if slots}


def following(history: SlotHistory, after: datetime, at: datetime, enough: int) -> int:
    """How many slots that may run follow, counted no further than it matters."""
    rest = (slot for slot in expected_slots(history.reigns, after, at) if not slot.blocked)
    return sum(1 for _ in islice(rest, enough))
