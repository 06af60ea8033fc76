"""Occurrences: what expressions see of them."""

from datetime import UTC, datetime, timedelta, timezone

from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.rules.occurrence import Occurrence, TriggerKind


def test_an_event() -> None:
    event = EventEnvelope(id="1", source="/shop", type="order.created", data={"n": 1})
    variables = Occurrence("e.1", TriggerKind.EVENT, event=event).variables()
    assert variables == {"event": event.for_conditions(), "input": {}, "slot": ""}


def test_a_slot_is_in_utc() -> None:
    berlin = datetime(2026, 11, 21, 10, tzinfo=timezone(timedelta(hours=1)))
    occurrence = Occurrence("k", TriggerKind.SCHEDULE, scheduled_for=berlin)
    assert occurrence.variables() == {"event": {}, "input": {}, "slot": "2026-11-21T09:00:00Z"}
    assert datetime.fromisoformat(str(occurrence.variables()["slot"])) == berlin.astimezone(UTC)


def test_a_manual_request() -> None:
    assert Occurrence("m.1", TriggerKind.MANUAL, input=[1]).variables()["input"] == [1]
    assert Occurrence("m.1", TriggerKind.MANUAL, input=0).variables()["input"] == 0
