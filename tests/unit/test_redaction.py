"""Redaction: what is masked, and that nothing else is."""

import copy
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.admission.redaction import MASK, masked, parsed
from activity_core.core.jsontext import JsonValue

KEYS = st.sampled_from(["a", "b", "0", "1", "*", "a/b", "~"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
PATHS = st.lists(st.lists(KEYS, min_size=1, max_size=3).map(tuple), max_size=4)


@pytest.mark.parametrize(
    ("pointer", "value", "expected"),
    [
        ("/card", {"card": "4111", "n": 1}, {"card": MASK, "n": 1}),
        ("/card", {"card": {"number": 4111}}, {"card": MASK}),
        ("/card", {"card": None}, {"card": MASK}),
        ("/card", {"other": 1}, {"other": 1}),
        ("/card/number", {"card": "4111"}, {"card": "4111"}),
        (
            "/lines/*/iban",
            {"lines": [{"iban": 1}, {"x": 2}]},
            {"lines": [{"iban": MASK}, {"x": 2}]},
        ),
        ("/people/*", {"people": {"ada": 1, "bob": 2}}, {"people": {"ada": MASK, "bob": MASK}}),
        ("/1", ["a", "b"], ["a", MASK]),
        ("/2", ["a", "b"], ["a", "b"]),
        ("/01", ["a", "b"], ["a", "b"]),
        ("/-", ["a", "b"], ["a", "b"]),
        ("/²", ["a", "b", "c"], ["a", "b", "c"]),
        ("/a~1b", {"a/b": 1, "a": {"b": 1}}, {"a/b": MASK, "a": {"b": 1}}),
        ("/~01", {"~1": 1, "/": 1}, {"~1": MASK, "/": 1}),
        ("/", {"": 1, "a": 2}, {"": MASK, "a": 2}),
        ("/a", 5, 5),
    ],
)
def test_what_is_masked(pointer: str, value: JsonValue, expected: JsonValue) -> None:
    before = copy.deepcopy(value)
    assert masked(value, [parsed(pointer)]) == expected
    assert value == before


@given(VALUES, PATHS)
def test_again_changes_nothing_and_nothing_is_changed_in_place(
    value: JsonValue, paths: list[tuple[str, ...]]
) -> None:
    before = copy.deepcopy(value)
    once = masked(value, paths)
    assert value == before
    assert masked(once, paths) == once


@given(VALUES, PATHS)
def test_the_order_of_paths_does_not_matter(value: JsonValue, paths: list[tuple[str, ...]]) -> None:
    assert all(masked(value, order) == masked(value, paths) for order in permutations(paths))


@given(VALUES, PATHS)
def test_exactly_what_a_path_leads_to_is_masked(
    value: JsonValue, paths: list[tuple[str, ...]]
) -> None:
    def expected(item: JsonValue, here: tuple[str, ...]) -> JsonValue:
        if any(_leads_to(path, here) for path in paths):
            return MASK
        if isinstance(item, dict):
            return {key: expected(each, (*here, key)) for key, each in item.items()}
        if isinstance(item, list):
            return [expected(each, (*here, str(i))) for i, each in enumerate(item)]
        return item

    assert masked(value, paths) == expected(value, ())


def _leads_to(path: tuple[str, ...], place: tuple[str, ...]) -> bool:
    return len(path) == len(place) and all(
        token in ("*", name) for token, name in zip(path, place, strict=True)
    )


def test_what_holds_no_secret_is_not_copied() -> None:
    data: dict[str, Any] = {"a": {"b": 1}, "c": [1]}
    assert masked(data, [("x", "y"), ("a", "z")]) is data
    changed: Any = masked(data, [("a", "b")])
    assert changed["c"] is data["c"]
