"""Texts of states: nothing is lost on the way through the store."""

import json
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.flow_bench import at, leisurely, one

from activity_core.core.flow.group import FlowState, Group, Mark, Member
from activity_core.core.flow.state_text import state_of, state_text

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))])
INSTANTS = st.datetimes(datetime(1900, 1, 1), datetime(2500, 1, 1), timezones=ZONES)  # noqa: DTZ001 - hypothesis adds the zone
TEXTS = st.text(max_size=12)
MEMBERS = st.builds(
    Member,
    input_key=TEXTS,
    event_key=st.binary(max_size=32),
    received_at=INSTANTS,
    at=INSTANTS,
    version=st.integers(1),
    occurrence_key=TEXTS,
    size=st.integers(0),
    priority=st.integers(1, 5),
    parts=st.lists(TEXTS, max_size=2).map(tuple),
    keys=st.dictionaries(TEXTS, TEXTS, max_size=2),
    traceparent=st.none() | TEXTS,
    causation_depth=st.integers(0),
)
GROUPS = st.builds(
    Group,
    members=st.lists(MEMBERS, min_size=1, max_size=3).map(tuple),
    lead=st.integers(0, 2),
    alone=st.booleans(),
)
STATES = st.builds(
    FlowState,
    waiting=st.lists(GROUPS, max_size=3).map(tuple),
    running=st.lists(TEXTS, max_size=3).map(tuple),
    marks=st.lists(st.builds(Mark, INSTANTS, TEXTS), max_size=3).map(tuple),
    times=st.lists(INSTANTS, max_size=3).map(tuple),
)


@leisurely
@given(STATES)
def test_a_state_comes_back_as_it_was(state):
    text = state_text(state)
    assert state_of(text) == state
    assert state_text(state_of(text)) == text
    assert text.isascii()
    assert "\x00" not in text


def test_the_text_is_small_and_one():
    assert state_text(FlowState()) == "{}"
    keys = {"order": '"a"', "collect": '"b"'}
    state = FlowState((one(1, keys=keys),), times=(at(0.000001),))
    turned = FlowState((one(1, keys=dict(reversed(keys.items()))),), times=(at(0.000001),))
    assert state_text(state) == state_text(turned)
    assert json.loads(state_text(state))["times"] == [1795251600000001]
    assert len(state_text(state)) < 300
