"""Traces of decisions: nothing for what fired at once, else what flow control knew."""

from datetime import UTC, datetime

from activity_core.core.decision import Outcome
from activity_core.core.flow.group import Member, Stage
from activity_core.core.flow.trace import trace_of
from activity_core.core.flow.verdict import Verdict

AT = datetime(2026, 1, 1, tzinfo=UTC)
ALONE = Member("e.1", b"1" * 32, AT, AT, version=1, occurrence_key="e.1")
KEYED = Member(
    "e.2",
    b"2" * 32,
    AT,
    AT,
    version=1,
    occurrence_key="e.2",
    parts=("ordered", "paid"),
    keys={Stage.SEEN: "e.2", Stage.COLLECT: '{"customer":7}', Stage.ORDER: '"a"'},
)


def test_what_fires_at_once_needs_none():
    assert trace_of(Verdict("d", ALONE, Outcome.FIRED)) is None


def test_parts_keys_and_how_many():
    """What a dedupe key gave is the occurrence key already."""
    held = Verdict("d", KEYED, Outcome.HELD, "waits", together=2)
    assert trace_of(held) == {
        "parts": ["ordered", "paid"],
        "keys": {"collect": {"customer": 7}, "order": "a"},
        "together": 2,
    }
    assert trace_of(Verdict("d", ALONE, Outcome.MERGED, together=2)) == {"together": 2}
