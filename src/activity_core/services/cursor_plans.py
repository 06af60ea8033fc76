"""Plans of cursors: which cursors must be written so that all slots are looked for.

In: the timetable, and the cursors as they are. Out: the cursors that the slot ledger has to insert,
or to give another plan. Nothing for those whose plan is right already.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from activity_core.core.schedule.plan import plan_of
from activity_core.ports.slot_ledger import SlotCursor
from activity_core.services.timetable import TimetableEntry

NO_PLAN = ""
"""Of a definition without a schedule: its last slots are settled, then its cursor goes."""


def missing_plans(
    entries: Mapping[str, TimetableEntry], cursors: Mapping[str, SlotCursor], now: datetime
) -> Iterator[SlotCursor]:
    """In order of the entries; then those that have none any more."""
    for id_, found in entries.items():
        cursor = cursors.get(id_)
        if cursor is None or cursor.plan != found.plan:
            yield _planned(id_, found, cursor, now)
    for id_, cursor in cursors.items():
        if id_ not in entries and (cursor.plan != NO_PLAN or cursor.next_slot is None):
            yield SlotCursor(id_, NO_PLAN, cursor.covered_until, next_slot=now, wake_at=now)


def _planned(
    definition_id: str, found: TimetableEntry, cursor: SlotCursor | None, now: datetime
) -> SlotCursor:
    """Its slots begin with the newest line about it in the registry's log.

    So none is lost that came between publishing and planning, and none is earlier than the change
    that asked for it. If that line was known when its slots were settled last, one of its calendars
    has changed, and nobody knows when. What was changed again before anybody planned it is due at
    once: it may have had slots before.
    """
    changed_at = found.entry.changed_at or now
    covered_until = cursor.covered_until if cursor else changed_at
    is_new = cursor is None or (cursor.plan == NO_PLAN and cursor.next_slot is None)
    is_edited = changed_at > covered_until
    after = max(covered_until, changed_at) if is_new or is_edited else now
    plan = plan_of(found.spec, after)
    planned = SlotCursor(
        definition_id, plan.fingerprint, covered_until, plan.next_slot, plan.wake_at
    )
    if is_new and is_edited:
        return replace(planned, next_slot=covered_until, wake_at=now)
    return planned
