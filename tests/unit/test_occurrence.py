"""Occurrences: what expressions see of them."""

from datetime import UTC, datetime, timedelta, timezone

from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.rules.occurrence import Occurrence, TriggerKind
from activity_core.core.schedule.gap import MOST_LISTED, Gap

NO_SLOT = {"slot": "", "gap_start": "", "gap_end": "", "missed_count": 0, "slots": []}


def test_an_event() -> None:
    event = EventEnvelope(id="1", source="/shop", type="order.created", data={"n": 1})
    other = EventEnvelope(id="2", source="/shop", type="order.created")
    occurrence = Occurrence("c.1", TriggerKind.EVENT, event=other, events=(event, other))
    assert occurrence.variables() == {
        "event": other.for_conditions(),
        "events": [event.for_conditions(), other.for_conditions()],
        "input": {},
        **NO_SLOT,
    }


def test_a_slot_is_in_utc() -> None:
    berlin = datetime(2026, 11, 21, 10, tzinfo=timezone(timedelta(hours=1)))
    occurrence = Occurrence("k", TriggerKind.SCHEDULE, scheduled_for=berlin)
    slot = "2026-11-21T09:00:00Z"
    assert occurrence.variables() == {
        "event": {},
        "events": [],
        "input": {},
        "slot": slot,
        "gap_start": slot,
        "gap_end": slot,
        "missed_count": 0,
        "slots": [slot],
    }
    assert datetime.fromisoformat(str(occurrence.variables()["slot"])) == berlin.astimezone(UTC)


def test_a_run_for_a_gap_knows_all_of_it() -> None:
    missed = [datetime(2026, 11, 21, hour, tzinfo=UTC) for hour in (7, 8, 9)]
    occurrence = Occurrence("k", TriggerKind.SCHEDULE, missed[-1], Gap.of(missed))
    assert occurrence.about_slot() == {
        "slot": "2026-11-21T09:00:00Z",
        "gap_start": "2026-11-21T07:00:00Z",
        "gap_end": "2026-11-21T09:00:00Z",
        "missed_count": 3,
        "slots": [f"2026-11-21T0{hour}:00:00Z" for hour in (7, 8, 9)],
    }


def test_a_long_gap_lists_its_newest_slots() -> None:
    first = datetime(2026, 11, 21, tzinfo=UTC)
    gap = Gap.of([first + timedelta(seconds=n) for n in range(MOST_LISTED + 5)])
    assert (gap.start, gap.count, len(gap.slots)) == (first, MOST_LISTED + 5, MOST_LISTED)
    assert gap.slots[-1] == gap.end


def test_a_manual_request() -> None:
    assert Occurrence("m.1", TriggerKind.MANUAL, input=[1]).variables()["input"] == [1]
    assert Occurrence("m.1", TriggerKind.MANUAL, input=0).variables()["input"] == 0
