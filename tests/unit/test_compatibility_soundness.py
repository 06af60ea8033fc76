"""Compatibility: what is said to be contained is, for all values that could tell."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from tests.unit.schema_strategies import VALUES, evolved, schemas

from activity_core.core.admission.compatibility import incompatibilities
from activity_core.core.admission.containment.closed import closed
from activity_core.core.admission.containment.proof import obstacles


def counterexample(narrow: Any, wide: Any) -> Any:
    """A value that is valid under the one and not under the other, in a list; or none."""
    narrow_check = Draft202012Validator(narrow, validate_formats=True, offline=True)
    wide_check = Draft202012Validator(wide, validate_formats=True, offline=True)
    return [
        value for value in VALUES if narrow_check.is_valid(value) and not wide_check.is_valid(value)
    ][:1]


pairs = schemas().flatmap(lambda one: st.tuples(st.just(one), evolved(one) | schemas()))
thorough = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@thorough
@given(pairs)
def test_what_is_contained_has_no_counterexample(pair: tuple[Any, Any]) -> None:
    for narrow, wide in (pair, pair[::-1]):
        if not obstacles(narrow, wide):
            assert counterexample(narrow, wide) == []


@thorough
@given(pairs)
def test_what_is_compatible_has_none_among_what_is_sent(pair: tuple[Any, Any]) -> None:
    old, new = pair
    if not incompatibilities(old, new, "backward"):
        assert counterexample(closed(old), new) == []
    if not incompatibilities(old, new, "forward"):
        assert counterexample(closed(new), old) == []
