"""Occurrences: what a run is for: an event, a schedule slot, or a manual request.

Made by the router and the schedules, stored with the run, read by `context` and `rules`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.expression.condition import rfc3339
from activity_core.core.jsontext import JsonValue


class TriggerKind(StrEnum):
    """What made it happen."""

    EVENT = "event"
    SCHEDULE = "schedule"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One occurrence of one definition.

    Attributes:
        key: the occurrence key, see `ids`.
        scheduled_for: the nominal time of a slot; None otherwise.
        event: the event; None otherwise.
        input: what a manual request handed over; None otherwise.
    """

    key: str
    trigger: TriggerKind
    scheduled_for: datetime | None = None
    event: EventEnvelope | None = None
    input: JsonValue = None

    def variables(self) -> dict[str, JsonValue]:
        """What expressions see of it: `event` and `input` ({} if none), `slot` ("" if none)."""
        return {
            "event": {} if self.event is None else self.event.for_conditions(),
            "input": {} if self.input is None else self.input,
            "slot": "" if self.scheduled_for is None else rfc3339(self.scheduled_for),
        }
