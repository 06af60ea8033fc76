"""Which version a run pins while a candidate is rolled out."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.flow.group import Group, Member
from activity_core.core.rollout import KEY, Rollout, pinned, version_for

AT = datetime(2026, 1, 1, tzinfo=UTC)
ROLLOUT = Rollout(4, "ab", 10, AT)
KEYS = st.text(max_size=20)


def member(key: str, **keys: str) -> Member:
    return Member(key, b"k" * 32, AT, AT, 3, key, keys=keys)


@given(KEYS, st.floats(0.01, 100), st.floats(0.01, 100))
def test_whoever_is_in_stays_in_when_the_share_grows(key: str, one: float, other: float) -> None:
    small, large = sorted((one, other))
    drawn = [
        version_for(replace(ROLLOUT, percent=percent), "d", 3, key) for percent in (small, large)
    ]
    assert drawn == sorted(drawn)
    assert set(drawn) <= {3, 4}


@given(KEYS)
def test_none_and_all_are_exact(key: str) -> None:
    assert version_for(replace(ROLLOUT, percent=100), "d", 3, key) == 4
    assert version_for(replace(ROLLOUT, percent=0.01), "d", 3, None) == 3
    assert version_for(replace(ROLLOUT, stopped="why", percent=100), "d", 3, key) == 3
    assert version_for(None, "d", 3, key) == 3


@pytest.mark.parametrize("percent", [1, 10, 50, 99.5])
def test_a_share_is_what_it_says(percent: float) -> None:
    rollout = replace(ROLLOUT, percent=percent)
    drawn = [version_for(rollout, "d", 3, f"e.{number}") for number in range(20_000)]
    assert drawn.count(4) / len(drawn) == pytest.approx(percent / 100, abs=0.01)


def test_definitions_and_candidates_draw_by_themselves() -> None:
    keys = [f"e.{number}" for number in range(2_000)]
    half = replace(ROLLOUT, percent=50)

    def chosen(rollout: Rollout, definition_id: str) -> set[str]:
        return {key for key in keys if version_for(rollout, definition_id, 3, key) != 3}

    one, other, later = chosen(half, "a"), chosen(half, "b"), chosen(replace(half, version=5), "a")
    assert 300 < len(one & other) < 700
    assert 300 < len(one & later) < 700


def test_a_group_counts_by_its_occurrence_or_by_its_key() -> None:
    everybody = replace(ROLLOUT, percent=100)
    group = Group((member("e.1"), member("e.2")), lead=1)
    assert pinned(everybody, "d", group).version == 4
    assert [each.version for each in pinned(everybody, "d", group).members] == [3, 4]
    assert pinned(everybody, "d", group).occurrence_key == group.occurrence_key
    assert pinned(None, "d", group) is group
    assert pinned(replace(everybody, stopped="why"), "d", group) is group
    keyed = replace(everybody, key="event.data.customer")
    assert pinned(keyed, "d", group) is group  # its leader has no customer
    with_key = Group((member("e.1", **{KEY: '"ann"'}),))
    assert pinned(keyed, "d", with_key).version == 4


def test_all_events_of_a_key_get_the_same_version() -> None:
    keyed = replace(ROLLOUT, percent=50, key="event.data.customer")
    groups = [Group((member(f"e.{number}", **{KEY: '"ann"'}),)) for number in range(50)]
    assert len({pinned(keyed, "d", group).version for group in groups}) == 1


@pytest.mark.parametrize(
    ("over", "failed", "stops"),
    [(0, 0, False), (19, 19, False), (20, 4, False), (20, 5, True), (100, 20, False)],
)
def test_it_stops_above_its_share_of_failures(over: int, failed: int, *, stops: bool) -> None:
    assert bool(ROLLOUT.verdict(over, failed)) is stops


def test_the_verdict_says_the_numbers() -> None:
    why = "5 of 20 runs of version 4 failed: 25% of them, more than 20%"
    assert ROLLOUT.verdict(20, 5) == why
