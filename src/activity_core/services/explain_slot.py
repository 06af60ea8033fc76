"""Explain a slot: what became of it, and if nothing did, why.

In: a definition and a time. Out: the decisions that are on record and their runs; without one, a
sentence from what was in force at that time: the schedule, its validity, pauses, the clock's
changes.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from activity_core.core.expression.condition import rfc3339
from activity_core.core.ids import occurrence_of_slot
from activity_core.core.schedule.absence import neighbours, why_absent
from activity_core.core.schedule.expected import Reign, expected_slots
from activity_core.core.schedule.lag import spelled
from activity_core.core.schedule.settlement import UNEXPLAINED, ExpectedSlot
from activity_core.core.schedule.slots import Slot
from activity_core.ports.clock import Clock
from activity_core.ports.reading import Query, Reading, Row
from activity_core.ports.registry import RegistryStore
from activity_core.services.registry import entry_of
from activity_core.services.schedules import instant_in, spec_of
from activity_core.services.slot_history import SlotHistories, SlotHistory

MOST_DECISIONS = 1_000
_TICK = datetime.resolution


class ExplainSlot:
    """Explains the slots of one tenant."""

    def __init__(
        self, reading: Reading, registry: RegistryStore, histories: SlotHistories, clock: Clock
    ) -> None:
        self._reading = reading
        self._registry = registry
        self._histories = histories
        self._clock = clock

    async def slot(self, definition_id: str, time: str) -> Row:
        """Everything about one slot.

        Keys: definition_id, slot, local, timezone, state (decided, not_due, undecided, unexplained
        or none: there is no such slot), why, previous_slot, next_slot, next_look (when it is
        looked for at the latest, unless it is decided), decisions (oldest first; those of
        backfills too) and their runs.

        Raises:
            NotFoundError: no such definition.
            BadInputError: it never had a schedule; `time` is no time.
        """
        snapshot = await self._registry.snapshot()
        definition = entry_of(snapshot.entries, definition_id).definition
        ever = datetime.fromtimestamp(0, UTC)
        history = (await self._histories.since({definition_id: ever}))[definition_id]
        spec = next((each.spec for each in reversed(history.reigns) if each.spec), None)
        spec = spec or spec_of(definition, snapshot.calendars)
        at = instant_in(spec, time)
        decisions = await self._decisions(definition_id, at)
        row = (await self._reading.schedules([definition_id])).get(definition_id, {})
        state, why = _verdict(history, decisions, at, row, self._clock.now())
        reign = _in_force(history, at)
        before, after = neighbours((reign and reign.spec) or spec, at)
        waits = state in ("not_due", "undecided")
        runs = dict.fromkeys(str(item["run_id"]) for item in decisions if item["run_id"])
        return {
            "definition_id": definition_id,
            "slot": rfc3339(at),
            "local": at.astimezone(ZoneInfo(spec.timezone)).isoformat(),
            "timezone": spec.timezone,
            "state": state,
            "why": why,
            "previous_slot": _time(before),
            "next_slot": _time(after),
            "next_look": row.get("wake_at") if waits else None,
            "decisions": [dict(item) for item in decisions],
            "runs": [dict(await self._reading.run(run_id)) for run_id in runs],
        }

    async def _decisions(self, definition_id: str, at: datetime) -> list[Row]:
        filters = {"definition_id": definition_id, "occurrence_key": occurrence_of_slot(at)}
        page = await self._reading.decisions(Query(filters, MOST_DECISIONS))
        return list(reversed(page.items))


def _verdict(
    history: SlotHistory, decisions: Sequence[Row], at: datetime, row: Row, now: datetime
) -> tuple[str, str]:
    for item in decisions:
        if item["backfill_id"] is None:
            return "decided", _told(item, at)
    reign = _in_force(history, at)
    if reign is None:
        first = rfc3339(history.reigns[0].at)
        return "none", f"the definition did not exist then: it was first published at {first}"
    if reign.spec is None:
        return "none", f"since {rfc3339(reign.at)} it had no schedule"
    expected = next(expected_slots(history.reigns, at - _TICK, at), None)
    if expected is None:
        return "none", why_absent(reign.spec, at)
    return _undecided(expected, row, now)


def _in_force(history: SlotHistory, at: datetime) -> Reign | None:
    """What was in force just before: a slot at the instant of a change belongs to that."""
    return next((each for each in reversed(history.reigns) if each.at < at), None)


def _undecided(expected: ExpectedSlot, row: Row, now: datetime) -> tuple[str, str]:
    lag = now - expected.at
    blocked = f"; as things are, it will be skipped: {expected.blocked}" if expected.blocked else ""
    if lag.total_seconds() < 0:
        return "not_due", f"not due yet, but in {spelled(-lag)}{blocked}"
    since, covered = _instant(row.get("since")), _instant(row.get("covered_until"))
    if since and expected.at <= since:
        return "none", f"slots are on record since {rfc3339(since)}; this one is older"
    if covered and expected.at <= covered:
        return "unexplained", UNEXPLAINED
    return "undecided", f"due since {spelled(lag)} and not decided yet{blocked}"


def _told(decision: Row, at: datetime) -> str:
    lag = datetime.fromisoformat(str(decision["decided_at"])) - at
    reason = f": {decision['reason']}" if decision["reason"] else ""
    return f"{decision['outcome']}{reason}, decided {spelled(lag)} after the slot"


def _instant(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None


def _time(slot: Slot | None) -> str | None:
    return None if slot is None else rfc3339(slot.at)
