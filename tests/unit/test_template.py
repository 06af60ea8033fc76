"""Templates: where expressions begin and end, and what becomes of their results."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.errors import ExpressionError
from activity_core.core.expression.template import compile_template, parse_template
from activity_core.core.jsontext import JsonValue

VARIABLES = frozenset({"invoice", "config"})
VALUES: dict[str, JsonValue] = {
    "invoice": {
        "email": "a@b.example",
        "amount": 12.5,
        "count": 3,
        "paid": False,
        "note": None,
        "tags": ["x", "y"],
    },
    "config": {"url": "https://mail.example"},
}


def render(value: JsonValue) -> JsonValue:
    return compile_template(value, VARIABLES).render(VALUES)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("${invoice.amount}", 12.5),
        ("${invoice.note}", None),
        ("${invoice.tags}", ["x", "y"]),
        (" ${invoice.amount}", " 12.5"),
        ("${config.url}/send?n=${invoice.count}", "https://mail.example/send?n=3"),
        ("paid: ${invoice.paid}, note: ${invoice.note}.", "paid: false, note: ."),
        ("tags ${invoice.tags}", 'tags ["x","y"]'),
        ("${invoice.count}${invoice.count}", "33"),
        ("$${invoice.count}", "${invoice.count}"),
        ("$${a} ${invoice.count}", "${a} 3"),
        ("costs $5 {x} $", "costs $5 {x} $"),
        ("${{'a': {'b': 1}}.a.b}", 1),
        ("${'}'}", "}"),
        ("${\"}{'\" + '{'}", "}{'{"),
        ("${'it\\'s }'}!", "it's }!"),
        ("${r'\\d{2'}${'}'}", "\\d{2}"),
        ("${'''a'}b'''}", "a'}b"),
        ("${ invoice.count + 1 }", 4),
        ("${'$${'}", "$${"),
        (["${invoice.count}", {"k": "${invoice.paid}", "${x}": 1}], [3, {"k": False, "${x}": 1}]),
        ({"n": 5, "t": None}, {"n": 5, "t": None}),
    ],
)
def test_rendering(template: Any, expected: Any) -> None:
    assert render(template) == expected


def test_an_error_names_the_key_path() -> None:
    with pytest.raises(ExpressionError, match=r"^to\.0\.mail: unknown variable invoce"):
        render({"to": [{"mail": "${invoce.email}"}]})
    with pytest.raises(ExpressionError, match=r"^to\.1: .*Key not found"):
        render({"to": ["x", "${invoice.emial}"]})


@pytest.mark.parametrize("text", ["a ${", "${invoice.x", "${'}'", "${{}"])
def test_an_open_end_is_an_error(text: Any) -> None:
    with pytest.raises(ExpressionError, match=r"at character .* is never closed"):
        render({"a": text})


def test_constant_parts_are_not_copied() -> None:
    constant: JsonValue = {"deep": [1, 2, 3]}
    rendered = render({"c": constant, "x": "${1}"})
    assert isinstance(rendered, dict)
    assert rendered["c"] is constant


literals = st.text(st.sampled_from("ab $}{'\"\\\n"), max_size=8).map(
    lambda text: text.replace("${", "$ {")
)
cel_strings = st.text(st.sampled_from("ab ${}'\"\\"), max_size=8)


@given(st.lists(st.tuples(literals, cel_strings), min_size=1, max_size=4), literals)
def test_expressions_are_found_whatever_their_strings_hold(pairs: Any, last: Any) -> None:
    # A literal may not end in `$`, which would escape the `${` behind it.
    pairs = [(literal.rstrip("$"), string) for literal, string in pairs]
    quoted = ["'" + string.replace("\\", "\\\\").replace("'", "\\'") + "'" for _, string in pairs]
    text = "".join(
        f"{literal}${{{{'k': {quote}}}.k}}"
        for (literal, _), quote in zip(pairs, quoted, strict=True)
    )
    placeholders, _ = parse_template(text + last)
    assert [p.text for p in placeholders] == [f"{{'k': {quote}}}.k" for quote in quoted]
    expected = "".join(literal + string for literal, string in pairs) + last
    assert render(text + last) == expected


@given(st.text(st.sampled_from("ab ${}'\""), max_size=20))
def test_an_escaped_text_comes_out_as_it_was(text: Any) -> None:
    escaped = text.replace("${", "$${")
    # `$${` is the escape, so a `$` before it cannot be told from it.
    if "$${" not in text:
        assert render(escaped) == text
