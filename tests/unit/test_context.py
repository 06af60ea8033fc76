"""Context: what the pure sources answer, and the snapshot that is kept."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.errors import ExpressionError
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.rules.context import local_context, take_snapshot
from activity_core.core.rules.occurrence import Occurrence, TriggerKind
from activity_core.core.run.errors import ContextUnavailableError, LimitExceededError

EVENT = EventEnvelope(id="7", source="/shop", type="order.created", data={"lines": [1, 2]})
OCCURRENCE = Occurrence("e.7", TriggerKind.EVENT, event=EVENT)
RUN: dict[str, Any] = {"id": "run-1", "definition_id": "d", "version": 3}


def definition(**context: Any) -> Any:
    return ActivityDefinition.model_validate(
        {
            "id": "d",
            "trigger": {"event": {"type": "order.*"}},
            "context": context,
            "rules": [{"id": "r", "tasks": [{"id": "t", "human": {"title": "T"}}]}],
        }
    )


def test_pure_sources() -> None:
    context = local_context(
        definition(
            limits={"static": {"max": [1, "${x}"]}},
            lines={"event": "event.data.lines.size() + config.extra"},
            team={"config": "team"},
            slow={"python": {"plugin": "p"}},
        ),
        OCCURRENCE,
        {"team": "billing", "extra": 5},
    )
    assert context == {"limits": {"max": [1, "${x}"]}, "lines": 7, "team": "billing"}


def test_a_missing_config_key() -> None:
    with pytest.raises(ContextUnavailableError, match=r"source t: .*no key tem.*did you mean team"):
        local_context(definition(t={"config": "tem"}), OCCURRENCE, {"team": 1})


def test_a_failing_event_source() -> None:
    with pytest.raises(ExpressionError, match=r"^source t: .*Key not found"):
        local_context(definition(t={"event": "event.data.nope"}), OCCURRENCE, {})


def test_the_snapshot_is_canonical_and_holds_the_event_by_reference() -> None:
    snapshot = take_snapshot(OCCURRENCE, RUN, {"b": 1, "a": 2}, {"rows": [{"y": 1, "x": 2}]})
    assert json.loads(snapshot.body) == snapshot.document
    assert snapshot.document == {
        "run": RUN,
        "trigger": "event",
        "event": {"source": "/shop", "id": "7"},
        "slot": None,
        "input": None,
        "config": {"a": 2, "b": 1},
        "context": {"rows": [{"x": 2, "y": 1}]},
    }
    assert snapshot.hash == hashlib.sha256(snapshot.body).hexdigest()
    again = take_snapshot(OCCURRENCE, RUN, {"a": 2, "b": 1}, {"rows": [{"x": 2, "y": 1}]})
    assert again == snapshot


def test_another_context_has_another_hash() -> None:
    one = take_snapshot(OCCURRENCE, RUN, {}, {"rows": [1]})
    other = take_snapshot(OCCURRENCE, RUN, {}, {"rows": [2]})
    assert one.hash != other.hash


def test_a_slot_is_kept() -> None:
    slot = Occurrence("k", TriggerKind.SCHEDULE, scheduled_for=datetime(2026, 11, 21, tzinfo=UTC))
    document = take_snapshot(slot, RUN, {}, {}).document
    assert document["slot"] == document["gap_start"] == document["gap_end"]
    assert document["slot"] == "2026-11-21T00:00:00Z"
    assert document["missed_count"] == 0


def test_too_large_names_the_largest_source() -> None:
    with pytest.raises(LimitExceededError, match=r"limit of 1000 .*largest source is rows"):
        take_snapshot(OCCURRENCE, RUN, {}, {"a": 1, "rows": ["x"] * 999}, max_bytes=1_000)


def test_what_json_cannot_say() -> None:
    with pytest.raises(ContextUnavailableError, match="cannot be said in JSON"):
        take_snapshot(OCCURRENCE, RUN, {}, {"a": float("nan")})
