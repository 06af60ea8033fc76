"""Schedules as people look at them: where each one stands, and which slots come next.

In: the registry, and where cursors stand as `ports.reading` has it. Out: rows for lists, previews.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from activity_core.core.definition.calendar import Calendar
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.errors import BadInputError
from activity_core.core.expression.condition import rfc3339
from activity_core.core.schedule.absence import instant_of
from activity_core.core.schedule.preview import preview
from activity_core.core.schedule.punctuality import lag_seconds
from activity_core.core.schedule.spec import ScheduleSpec, schedule_of
from activity_core.ports.clock import Clock
from activity_core.ports.reading import Reading, Row
from activity_core.ports.registry import RegistryStore
from activity_core.services.registry import entry_of

MOST_PREVIEWED = 1_000
"""Slots of one preview."""

_OF_ITEMS = ("next_slot", "last_slot", "last_outcome", "last_run_id", "lag_seconds")


class Schedules:
    """The schedules of one tenant."""

    def __init__(self, registry: RegistryStore, reading: Reading, clock: Clock) -> None:
        self._registry = registry
        self._reading = reading
        self._clock = clock

    async def standings(self, definition_ids: Sequence[str]) -> Mapping[str, Row]:
        """Where the schedule of each id stands; all null for those without one.

        Rows: next_slot, last_slot, last_outcome, last_run_id, lag_seconds and overdue_seconds (how
        long the oldest undecided slot has been due).
        """
        rows = await self._reading.schedules(definition_ids)
        now = self._clock.now()
        return {id_: _standing(rows.get(id_, {}), now) for id_ in definition_ids}

    async def preview(self, definition_id: str, after: str | None, count: int) -> Sequence[Row]:
        """The first `count` slots later than `after` (RFC 3339, or wall time of its zone).

        Rows: utc, local, note.

        Raises:
            NotFoundError: no such definition.
            BadInputError: it has no schedule; `after` is no time.
        """
        snapshot = await self._registry.snapshot()
        entry = entry_of(snapshot.entries, definition_id)
        return previewed(entry.definition, snapshot.calendars, after, count, self._clock)


def previewed(
    definition: ActivityDefinition,
    calendars: Mapping[str, Calendar],
    after: str | None,
    count: int,
    clock: Clock,
) -> Sequence[Row]:
    """See `Schedules.preview`."""
    spec = spec_of(definition, calendars)
    start = clock.now() if after is None else instant_in(spec, after)
    return [
        {"utc": rfc3339(item.utc), "local": item.local, "note": item.note}
        for item in preview(spec, start, count)
    ]


def spec_of(definition: ActivityDefinition, calendars: Mapping[str, Calendar]) -> ScheduleSpec:
    """The schedule of a definition.

    Raises:
        BadInputError: it has none.
    """
    spec = schedule_of(definition, calendars)
    if spec is None:
        raise BadInputError(
            "it has no schedule",
            subject=f"definition {definition.id}",
            hint=f"its triggers are {', '.join(definition.trigger.kinds)}; "
            "slots come from cron, interval and calendar",
        )
    return spec


def instant_in(spec: ScheduleSpec, text: str) -> datetime:
    """What somebody wrote, in UTC.

    Raises:
        BadInputError: it is no time.
    """
    try:
        return instant_of(text, spec.timezone)
    except ValueError:
        raise BadInputError(
            f"{text[:60]!r} is no time",
            hint=f"write 2026-11-21T09:00:00Z, or 2026-11-21T09:00 for {spec.timezone}",
        ) from None


def _standing(row: Row, now: datetime) -> Row:
    standing: dict[str, Any] = {name: row.get(name) for name in _OF_ITEMS}
    due = row.get("next_slot")
    lag = lag_seconds(datetime.fromisoformat(due), now) if isinstance(due, str) else None
    return standing | {"overdue_seconds": None if lag is None or lag < 0 else lag}
