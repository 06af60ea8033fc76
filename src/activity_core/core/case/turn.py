"""Turns: what one event or timer makes of a case.

In: the definition, the case, an occurrence and when it came. Out: the state that the rules see, and
the case as it is afterwards. `services.case_keeper` asks, inside the transaction that records the
run; the answer depends on nothing else.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from activity_core.core.case.case import Case, State
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.definition.lifecycle import MOST_STATE_BYTES, STATE_VARIABLES
from activity_core.core.errors import ExpressionError, MalformedJsonError
from activity_core.core.expression.condition import compile_expression
from activity_core.core.jsontext import JsonValue, canonical_json, parse_json
from activity_core.core.rules.occurrence import Occurrence
from activity_core.core.run.errors import LimitExceededError


@dataclass(frozen=True, slots=True)
class Turn:
    """The state after the update, and whether the case is over by it."""

    state: State
    is_ending: bool


def version_for(case: Case, definition: ActivityDefinition, version: int) -> int:
    """The version that takes an event which `version` was matched by (`definition` is that one).

    The newer version says by `migrate` whether open cases come to it; none goes back.
    """
    if case.state is None or (version > case.version and definition.migrate == "newest"):
        return version
    return case.version


def turn(definition: ActivityDefinition, before: State | None, occurrence: Occurrence) -> Turn:
    """What the definition makes of it; `before` is None for the first turn of a case.

    Raises:
        ExpressionError: `state.update` or `ends_when` fails on it; the subject says which.
        LimitExceededError: the state grows too large.
    """
    state: JsonValue = dict(definition.state.initial if before is None else before)
    seen: dict[str, JsonValue] = {
        "state": state,
        "event": occurrence.variables()["event"],
        "timer": occurrence.timer,
    }
    try:
        if definition.state.update is not None:
            update = compile_expression(definition.state.update, variables=STATE_VARIABLES)
            state = update.evaluate(seen)
    except ExpressionError as error:
        error.subject = "state.update"
        raise
    if not isinstance(state, dict):
        raise ExpressionError("must be a map", subject="state.update")
    _check_size(state)
    return Turn(state, _ends(definition, seen | {"state": state}))


def _check_size(state: JsonValue) -> None:
    """Also of its nesting: each event may wrap what was there once more."""
    try:
        text = canonical_json(state)
        parse_json(text)
    except (MalformedJsonError, RecursionError):
        raise LimitExceededError("nests too deeply", subject="state.update") from None
    if len(text) > MOST_STATE_BYTES:
        raise LimitExceededError(
            f"the state has {len(text)} bytes, over the limit of {MOST_STATE_BYTES}",
            subject="state.update",
        )


def _ends(definition: ActivityDefinition, seen: dict[str, JsonValue]) -> bool:
    if definition.ends_when is None:
        return False
    try:
        return compile_expression(definition.ends_when, variables=STATE_VARIABLES).holds(seen)
    except ExpressionError as error:
        error.subject = "ends_when"
        raise


def after(case: Case, occurrence: Occurrence, at: datetime, taken: Turn | None) -> Case:
    """The case once the run of an occurrence that came `at` is recorded.

    `taken` is None when that run failed: the state stays, but it came all the same. An event that
    is found late counts as if it came when the case was last heard of: its clock never goes back.
    """
    case = replace(case, taken=case.taken + 1)
    if occurrence.timer:
        at = max(at, case.fired.get(occurrence.timer, at))  # an operator may retry an old one
        case = replace(case, fired={**case.fired, occurrence.timer: at})
    else:
        case = replace(case, last_event_at=max([at, case.last_event_at, *case.fired.values()]))
    if taken is None:
        return case
    return replace(case, state=taken.state, is_ending=taken.is_ending)
