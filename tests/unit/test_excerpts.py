"""Excerpts: at every wanted path just what the whole event has there, whatever that is."""

from typing import Any

import pytest

from activity_core.core.errors import InvalidEventError
from activity_core.core.event.envelope import ABSENT, EventEnvelope
from activity_core.core.event.stored_event import StoredEvent
from activity_core.core.matching import excerpts
from activity_core.core.matching.clause import Present
from activity_core.core.matching.excerpts import Excerpts
from activity_core.core.matching.sieve import value_at

PATHS = [
    ("type",),
    ("subject",),
    ("data",),
    ("data_base64",),
    ("ext",),
    ("none",),
    ("data", "a"),
    ("data", "a", "b"),
    ("data", "a", "b", "c"),
    ("data", "x-y"),
]
ODD = [("data", ""), ("data", "ä"), ("data", "\U0001f600"), ("ä",)]
MANY = [("data", f"k{n}") for n in range(100)]
VALUES: list[Any] = [
    *(None, True, False, "", "a\0", "\ufffd", [], [1, {"a": 2}], {}, {"b": None}),
    *(0, -0.0, 1.0, 5e-324, 1e300, 2**53 + 1, 2**63, 2**64, -(2**70)),
    *({"b": {"c": 1, "d": 2}, "e": 3}, {"b": [1]}),
]


def wanting(*paths: Any) -> Excerpts:
    made = Excerpts()
    made.want(Present(path) for path in paths)
    made._whole = 0
    return made


def stored(**more: Any) -> StoredEvent:
    return StoredEvent.of(EventEnvelope(id="1", source="/s", type="t", **more))


def seen(value: Any) -> Any:
    """All that a clause can tell: nothing is looked at inside of maps and lists."""
    return type(value) if isinstance(value, dict | list) else (type(value), repr(value))


@pytest.mark.parametrize("paths", [PATHS, [*PATHS, *ODD], [*PATHS, *MANY]])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_they_say_what_the_whole_event_says(paths: Any, value: Any) -> None:
    made = wanting(*paths)
    more = {"a\0": 1, "": 2, "ä": 3, "\U0001f600": 4, "x-y": 5, "k7": 6}
    for event in (
        stored(data=value),
        stored(data={"a": value, **more}),
        stored(data={"a": {"b": value, **more}}, subject="s", extensions={"ext": 1}),
        stored(data_base64="YQ==", extensions={"ext": True}),
    ):
        excerpt, whole = made.of(event), event.envelope.for_conditions()
        for path in paths:
            assert seen(value_at(path, excerpt)) == seen(value_at(path, whole)), path


def test_nothing_else_is_in_them() -> None:
    excerpt = wanting(("type",), ("data", "a")).of(stored(data={"a": {"b": 1}, "c": 2}))
    assert excerpt == {**ABSENT, "type": "t", "data": {"a": {}}}


def test_a_map_of_which_much_is_wanted_is_whole() -> None:
    """A decoder of many keys would be slower than one of all."""
    assert wanting(*MANY).of(stored(data={"other": 1}))["data"] == {"other": 1}


def test_a_new_path_is_read_from_whole_events_for_a_while() -> None:
    made, event = Excerpts(), stored(data={"a": 1, "b": 2})
    made.want([Present(("data", "a"))])
    for _ in range(excerpts._WHOLE_PER_PATH):
        assert made.of(event)["data"] == {"a": 1, "b": 2}
    assert made.of(event)["data"] == {"a": 1}
    made.want([Present(("data", "b"))])
    assert made.of(event)["data"] == {"a": 1, "b": 2}
    made.want([Present(("data", "b"))])
    made.forget([Present(("data", "b"))] * 2 + [Present(("data", "a"))])
    assert not made


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"\xff"', b'{"data": {"a": \xff}}'])
def test_what_cannot_be_read_is_said(body: bytes) -> None:
    for made in (wanting(("data", "a")), Excerpts()):
        with pytest.raises(InvalidEventError):
            made.of(StoredEvent("/s", "1", "t", body))


@pytest.mark.parametrize(
    ("depth", "data"), [(None, None), (None, {"causationdepth": 9}), (3, None), ("4", 1), (True, 1)]
)
def test_the_causation_depth_is_that_of_the_envelope(depth: Any, data: Any) -> None:
    event = stored(data=data, extensions={} if depth is None else {"causationdepth": depth})
    found = event.causation_depth
    assert "envelope" not in vars(event)
    assert found == event.envelope.causation_depth


def test_a_depth_that_cannot_be_read_is_said() -> None:
    for body in b'["causationdepth":1]', b'{"causationdepth":[]}':
        with pytest.raises(InvalidEventError):
            _ = StoredEvent("/s", "1", "t", body).causation_depth
