"""The budget over random expressions: what really is done never costs more than its bound."""

import time
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, assume, example, given, reject, settings
from hypothesis import strategies as st

from activity_core.core.errors import ExpressionError
from activity_core.core.expression.budget import LIMIT, cost_at_size, cost_on
from activity_core.core.expression.condition import (
    Bindings,
    budget_for,
    compile_expression,
)

VARIABLES = frozenset({"e"})
DATA: dict[str, Any] = {
    "text": "the quick, brown fox; " * 400,
    "run": "ab" * 9_000,
    "word": "fox",
    "none": "",
    "n": 7,
    "list": [{"id": i, "name": f"item {i}", "tags": ["a", "b" * (i % 50)]} for i in range(300)],
    "names": [f"item {i}" for i in range(2_000)],
    "map": {f"k{i}": [i, "v" * i] for i in range(120)},
}
REGEXES = ["^(a+)+$", "[a-z]+, b", "a[ab]{14}c", "((a|b){1,9}){1,9}x", "(x+x+)+y", "fox|dog", ".*z"]
BINDINGS = {"e": DATA}

texts: st.SearchStrategy[str] = st.deferred(
    lambda: (
        st.sampled_from(
            ["e.text", "e.run", "e.word", "e.none", "e.names[3]", "'fox'", "', '", "''"]
        )
        | st.builds("{}.replace({}, {})".format, texts, texts, texts)
        | st.builds("({} + {})".format, texts, texts)
        | st.builds("{}.lowerAscii()".format, texts)
        | st.builds("strings.quote({})".format, texts)
        | st.builds("{}.join({})".format, lists, texts)
        | st.builds("'%s and %s'.format([{}, {}])".format, texts, lists)
        | st.builds("({} ? {} : {})".format, truths, texts, texts)
        | st.builds("string({}.size())".format, texts)
    )
)
lists: st.SearchStrategy[str] = st.deferred(
    lambda: (
        st.sampled_from(
            ["e.names", "e.list.map(i, i.name)", "e.map.map(k, k)", "[e.word, e.text]", "['a']"]
        )
        | st.builds("{}.split({})".format, texts, texts)
        | st.builds("{}.map(x, {})".format, lists, texts | st.just("x") | st.just("x + x"))
        | st.builds("{}.filter(x, {})".format, lists, truths | st.just("x != ''"))
        | st.builds("e.list.filter(y, {}).map(y, y.name)".format, truths)
        | st.builds("({} + {})".format, lists, lists)
        | st.sampled_from(["e.list[5].tags", "e.list.filter(i, i.id > 9)[0].tags"])
    )
)
truths: st.SearchStrategy[str] = st.deferred(
    lambda: (
        st.builds("{}.contains({})".format, texts, texts)
        | st.builds("({} == {})".format, texts, texts)
        | st.builds("({} != {})".format, lists, lists)
        | st.builds("({} in {})".format, texts, lists)
        | st.builds("{}.matches('{}')".format, texts, st.sampled_from(REGEXES))
        | st.builds("{}.all(x, {})".format, lists, truths | st.just("x.size() >= 0"))
        | st.builds("{}.all(x, !({}))".format, lists, truths)
        | st.builds("e.list.exists(y, y.tags.exists(t, {}))".format, truths)
        | st.builds("e.list.all(y, y.tags.all(t, t.size() < 99 || {}))".format, truths)
        | st.builds("({} && {})".format, truths, truths)
        | st.builds("({}.size() > e.n)".format, lists)
    )
)


def budget(text: str) -> Any:
    try:
        return budget_for(text, VARIABLES)
    except ExpressionError:
        reject()


def taken(text: str) -> float:
    """Nanoseconds of CPU, of the quickest of three; what fails takes some too."""
    program, bindings = compile_expression(text, variables=VARIABLES), Bindings(BINDINGS)
    times = []
    for _ in range(3):
        began = time.process_time_ns()
        with suppress(ExpressionError):
            program.evaluate(bindings)
        times.append(time.process_time_ns() - began)
    return float(min(times))


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(texts | lists | truths)
@example("e.names.all(x, !(x in e.names))")
@example("e.names.map(x, x).map(x, x + x).filter(x, x != '')")
@example("e.run.split('').map(x, x)")
@example("e.list.map(i, e.names)")
def test_no_evaluation_costs_more_than_its_bound(text: Any) -> None:
    tree = budget(text).tree
    bound = cost_on(tree, BINDINGS).work
    assume(bound < LIMIT)
    # The quick ones are lost in what the machine does besides.
    assert taken(text) <= max(4 * bound, 250e6)


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(texts | lists | truths)
def test_the_bound_by_size_is_never_below_that_of_the_values(text: Any) -> None:
    tree = budget(text).tree
    assert cost_at_size(tree, Bindings(BINDINGS).size).work >= cost_on(tree, BINDINGS).work
