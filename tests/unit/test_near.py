"""Near: what is a typing error, and what is another name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.explanation.near import nearness


@pytest.mark.parametrize(
    ("pattern", "name", "near"),
    [
        ("order.created", "order.craeted", "one edit away"),
        ("order.created", "order.create", "one edit away"),
        ("order.created", "ordr.creatd", "two edits away"),
        ("order.created", "Order/Created", "differs only in case or separators"),
        ("order_created", "order.created", "differs only in case or separators"),
        ("order.*", "oder.created", "one edit away"),
        ("order.*", "ORDER.created", "differs only in case or separators"),
        ("order.*", "orders.created", "one edit away"),
        ("order.created", "order.created", None),
        ("order.*", "order.created", None),
        ("*", "order.created", None),
        ("order.created", "order.deleted", None),
        ("order.created", "invoice.paid", None),
        ("a.b", "a.c", "one edit away"),
        ("a.b", "x.c", None),
        ("order.*", "o", None),
    ],
)
def test_how_near(pattern: str, name: str, near: str | None):
    assert nearness(pattern, name) == near


NAMES = st.text("abc.", min_size=8, max_size=12)


@given(name=NAMES, other=NAMES)
def test_it_is_the_same_both_ways(name: str, other: str):
    assert nearness(name, other) == nearness(other, name)


@given(name=NAMES, at=st.integers(0, 6))
def test_one_edit_is_near(name: str, at: int):
    swapped = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    for edited in (name[:at] + name[at + 1 :], name[:at] + "x" + name[at:], swapped):
        assert (nearness(name, edited) is None) == (name == edited)
