"""Bind parameters: found where they are meant, and nowhere else."""

import pytest

from activity_core.core.expression.sql_binds import bind


@pytest.mark.parametrize(
    ("query", "text", "names"),
    [
        ("select 1", "select 1", ()),
        ("where due < :slot", "where due < %(slot)s", ("slot",)),
        (":b and :a and :b", "%(b)s and %(a)s and %(b)s", ("b", "a")),
        ("select '12:30'::time, a::text", "select '12:30'::time, a::text", ()),
        ("select ':x', ':y''s'", "select ':x', ':y''s'", ()),
        ('select ":x" from t', 'select ":x" from t', ()),
        ("select $$ :x $$, $a$ :y $a$", "select $$ :x $$, $a$ :y $a$", ()),
        ("-- :x\nselect :y", "-- :x\nselect %(y)s", ("y",)),
        ("/* :x */ select :y", "/* :x */ select %(y)s", ("y",)),
        ("where n like 'a%' and m % 2 = :r", "where n like 'a%%' and m %% 2 = %(r)s", ("r",)),
        ("select :slot::timestamptz", "select %(slot)s::timestamptz", ("slot",)),
        ("select a[1:2]", "select a[1:2]", ()),
    ],
)
def test_binding(query: str, text: str, names: tuple[str, ...]):
    bound = bind(query)
    assert (bound.text, bound.names) == (text, names)
