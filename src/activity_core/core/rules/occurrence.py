"""Occurrences: what a run is for: events, a schedule slot, a manual request, a timer.

Made by the router and the schedules, stored with the run, read by `context` and `rules`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.expression.condition import rfc3339
from activity_core.core.jsontext import JsonValue
from activity_core.core.schedule.gap import Gap


class TriggerKind(StrEnum):
    """What made it happen."""

    EVENT = "event"
    SCHEDULE = "schedule"
    BACKFILL = "backfill"
    MANUAL = "manual"
    TIMER = "timer"


NO_EVENT: Mapping[str, JsonValue] = {"id": "", "source": "", "type": ""}
"""The `event` of a timer's run: expressions of a case may ask for its type all the same."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One occurrence of one definition.

    Attributes:
        key: the occurrence key, see `ids`.
        scheduled_for: the nominal time of a slot; None otherwise.
        gap: the missed slots that this run makes up for at once; None for an ordinary run.
        event: the event, or the one of several that leads; None otherwise.
        events: all events that the run is to see, in order; the event alone unless it is of more.
        input: what a manual request handed over; None otherwise.
        timer: the name of the timer of a case that fired; empty otherwise.
        state: that of the case, as its rules see it; None unless a case takes it now.
    """

    key: str
    trigger: TriggerKind
    scheduled_for: datetime | None = None
    gap: Gap | None = None
    event: EventEnvelope | None = None
    events: Sequence[EventEnvelope] = ()
    input: JsonValue = None
    timer: str = ""
    state: Mapping[str, JsonValue] | None = None

    @property
    def case(self) -> dict[str, JsonValue] | None:
        """What rules of ongoing definitions see besides: `state` and `timer`; None for others."""
        return None if self.state is None else {"state": dict(self.state), "timer": self.timer}

    def variables(self) -> dict[str, JsonValue]:
        """What expressions see: `event` and `input` ({} if none), `events`, and `about_slot`."""
        none = dict(NO_EVENT) if self.timer else {}
        return {
            "event": none if self.event is None else self.event.for_conditions(),
            "events": [event.for_conditions() for event in self.events],
            "input": {} if self.input is None else self.input,
            **self.about_slot(),
        }

    def about_slot(self) -> dict[str, JsonValue]:
        """`slot` ("" if none), and the range that the run is for.

        `gap_start` and `gap_end` are the slot itself unless the run makes up for missed slots;
        then `missed_count` says for how many, and `slots` lists them (the newest, up to a bound).
        """
        if self.scheduled_for is None:
            return {"slot": "", "gap_start": "", "gap_end": "", "missed_count": 0, "slots": []}
        slot = rfc3339(self.scheduled_for)
        if self.gap is None:
            return {
                "slot": slot,
                "gap_start": slot,
                "gap_end": slot,
                "missed_count": 0,
                "slots": [slot],
            }
        return {
            "slot": slot,
            "gap_start": rfc3339(self.gap.start),
            "gap_end": rfc3339(self.gap.end),
            "missed_count": self.gap.count,
            "slots": [rfc3339(missed) for missed in self.gap.slots],
        }
