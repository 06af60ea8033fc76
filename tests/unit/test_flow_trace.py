"""Traces of decisions: nothing for what fired at once, else what flow control knew."""

from datetime import UTC, datetime

from activity_core.core.flow.group import Group, Member, Stage
from activity_core.core.flow.trace import trace_of

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
    keys={Stage.COLLECT: '{"customer":7}', Stage.ORDER: '"a"'},
)


def test_what_fires_at_once_needs_none():
    assert trace_of(ALONE, Group((ALONE,))) is None


def test_parts_keys_and_the_size_of_the_group():
    assert trace_of(KEYED, Group((ALONE, KEYED))) == {
        "parts": ["ordered", "paid"],
        "keys": {"collect": {"customer": 7}, "order": "a"},
        "group": 2,
    }
    assert trace_of(ALONE, Group((ALONE, KEYED))) == {"group": 2}
