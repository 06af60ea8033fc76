"""State texts: a `FlowState` as the one JSON text that the store keeps of it, and back.

What is empty is left out, a group is one array and so is a member: a state may have thousands.
Instants are microseconds since 1970, exact; keys of events are in base64. Plain ASCII.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from activity_core.core.flow.group import FlowState, Group, Mark, Member

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WRITER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False)


def state_text(state: FlowState) -> str:
    """Equal states give equal texts."""
    parts: dict[str, Sequence[Any]] = {
        "waiting": [_group_row(group) for group in state.waiting],
        "running": state.running,
        "marks": [(_micros(mark.until), mark.text) for mark in state.marks],
        "times": [_micros(at) for at in state.times],
    }
    return _WRITER.encode({name: part for name, part in parts.items() if part})


def state_of(text: str) -> FlowState:
    """The reverse of `state_text`; of other texts it makes no sense, or raises."""
    parts: Mapping[str, Any] = json.loads(text)
    return FlowState(
        waiting=tuple(_group(row) for row in parts.get("waiting", ())),
        running=tuple(parts.get("running", ())),
        marks=tuple(Mark(_instant(until), said) for until, said in parts.get("marks", ())),
        times=tuple(_instant(at) for at in parts.get("times", ())),
    )


def _group_row(group: Group) -> Sequence[Any]:
    return [group.lead, int(group.alone), *(_member_row(member) for member in group.members)]


def _group(row: Sequence[Any]) -> Group:
    lead, alone, *members = row
    return Group(tuple(_member(member) for member in members), lead, bool(alone))


def _member_row(member: Member) -> Sequence[Any]:
    return (
        member.input_key,
        b64encode(member.event_key).decode("ascii"),
        _micros(member.received_at),
        _micros(member.at),
        member.version,
        member.occurrence_key,
        member.size,
        member.priority,
        member.parts,
        member.keys,
        member.traceparent,
        member.causation_depth,
    )


def _member(row: Sequence[Any]) -> Member:
    input_key, event_key, received_at, at, version, occurrence_key, size, priority, *rest = row
    parts, keys, traceparent, causation_depth = rest
    return Member(
        input_key,
        b64decode(event_key),
        _instant(received_at),
        _instant(at),
        version,
        occurrence_key,
        size,
        priority,
        tuple(parts),
        keys,
        traceparent,
        causation_depth,
    )


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
