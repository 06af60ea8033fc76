"""Conjuncts: what a filter is made of, as it was written."""

from typing import Any

import pytest

from activity_core.core.expression.syntax import (
    Call,
    Entries,
    Field,
    Items,
    Literal,
    Loop,
    Name,
    Opaque,
)
from activity_core.core.matching.conjuncts import conjuncts, filter_tree


def texts(text: str) -> list[str]:
    return [conjunct.text for conjunct in conjuncts(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event.a > 1", ["event.a > 1"]),
        ("event.a && event.b && event.c", ["event.a", "event.b", "event.c"]),
        ("(event.a && event.b) && event.c", ["event.a", "event.b", "event.c"]),
        ("((event.a) && ((event.b && event.c)))", ["event.a", "event.b", "event.c"]),
        ("(event.a) && (event.b)", ["event.a", "event.b"]),
        ("event.a || event.b && event.c", ["event.a || event.b && event.c"]),
        ("(event.a || event.b) && event.c", ["event.a || event.b", "event.c"]),
        ("(event.a == 1) == (event.b == 2)", ["(event.a == 1) == (event.b == 2)"]),
        ("!(event.a && event.b)", ["!(event.a && event.b)"]),
        ("event.a == '&& (' && event.b", ["event.a == '&& ('", "event.b"]),
        ("(event.a == ')' && event.b)", ["event.a == ')'", "event.b"]),
        (r'(event.a == "\")" && event.b)', [r'event.a == "\")"', "event.b"]),
        (r"(event.a == r')\n(' && event.b)", [r"event.a == r')\n('", "event.b"]),
        ('(event.a == """)"(""" && event.b)', ['event.a == """)"("""', "event.b"]),
        ("event.a // ) why (\n && // (\n event.b // )", ["event.a", "event.b"]),
        ("event.a == '//' && event.b", ["event.a == '//'", "event.b"]),
        ("event.a == '\N{DUCK}é' && event.b", ["event.a == '\N{DUCK}é'", "event.b"]),
        ("has(event.a) && event.b.exists(x, x && true)", None),
        ("event.a &&\n  event.b &&\n  event.c", ["event.a", "event.b", "event.c"]),
    ],
)
def test_they_stand_as_they_were_written(text: str, expected: Any) -> None:
    assert texts(text) == (expected or text.split(" && ", 1))


def test_each_says_where_it_stands() -> None:
    text = "(event.a && ( event.b == 1 ))"
    assert [text[part.start :][: len(part.text)] for part in conjuncts(text)] == texts(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("event.data.amount > 100", ("event.data.amount", ">", "100")),
        ("(event.a + 1) <= event.b", ("(event.a + 1)", "<=", "event.b")),
        ("event.a in ['=', '<']", ("event.a", "in", "['=', '<']")),
        ("event.a != 'in'", ("event.a", "!=", "'in'")),
        ("event.a || event.b == 1", None),
        ("event.a.startsWith('x')", None),
        ("event.a", None),
    ],
)
def test_the_sides_of_a_comparison(text: str, expected: Any) -> None:
    for start in ("", "event.z && "):
        assert conjuncts(f"{start}({text})")[-1].sides == expected


def tree(text: str) -> Any:
    return filter_tree(text)


def test_trees() -> None:
    assert tree('event["a"].b >= -1.5') == Call(
        "_>=_",
        (
            Field(
                Call("_[_]", (Name("event", 0), Literal("a", 6)), is_method=False, at=5),
                "b",
                tested=False,
                at=10,
            ),
            Literal(-1.5, 16),
        ),
        is_method=False,
        at=13,
    )
    assert tree("has(event.a)") == Field(Name("event", 4), "a", tested=True, at=3)
    assert tree("event in [null, true, 1]") == Call(
        "@in",
        (Name("event", 0), Items((Literal(None, 10), Literal(True, 16), Literal(1, 22)), 9)),
        is_method=False,
        at=6,
    )
    assert tree("event.startsWith('x')").is_method
    assert tree("{'a': event}") == Entries((Literal("a", 1), Name("event", 6)), 0)
    assert tree("event.all(x, x)") == Loop(
        "x",
        Name("event", 0),
        "@result",
        Call("_&&_", (Name("@result", 9), Name("x", 13)), is_method=False, at=9),
        9,
    )
    assert [type(tree(text)) for text in ("1u", "b'x'")] == [Opaque] * 2


def test_what_nests_too_deeply_is_opaque() -> None:
    text = "event"
    for level in range(25):
        text = (" && ", " || ")[level % 2].join(["event"] * 7 + [f"({text})"])
    assert tree(text) == Opaque(0)
    assert texts(text) == [text]
