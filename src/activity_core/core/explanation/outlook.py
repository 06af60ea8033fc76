"""The outlook: what would follow from a run that there is not.

In: a definition and an occurrence. Out: the tasks that its rules would decide on; or, where they
depend on what only other systems know, which sources would be asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from activity_core.core.case.turn import turn
from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.context import local_context, take_snapshot
from activity_core.core.rules.decide import RuleTrace, decide
from activity_core.core.rules.occurrence import Occurrence
from activity_core.core.rules.task_spec import TaskSpec
from activity_core.core.run.record import EXPECTED, failure_of
from activity_core.core.run.run import RunFailure

_KNOWN_HERE = frozenset({"static", "event", "config"})


@dataclass(frozen=True, slots=True)
class Outlook:
    """What would follow.

    Attributes:
        asks: names and kinds of the sources that would be asked; then nothing else is known.
        failure: why the run would fail; then there are no tasks.
    """

    asks: Mapping[str, str]
    rules: Sequence[RuleTrace] = ()
    tasks: Sequence[TaskSpec] = ()
    failure: RunFailure | None = None


def outlook(
    definition: ActivityDefinition,
    version: int,
    occurrence: Occurrence,
    run_id: str,
    config: Mapping[str, JsonValue],
) -> Outlook:
    """What a run of a version would decide."""
    asks = {
        name: source.kind
        for name, source in definition.context.items()
        if source.kind not in _KNOWN_HERE
    }
    if asks:
        return Outlook(asks)
    try:
        context = local_context(definition, occurrence, config)
        case = _new_case(definition, occurrence)
        about_run: dict[str, JsonValue] = {
            "id": run_id,
            "definition_id": definition.id,
            "version": version,
        }
        take_snapshot(occurrence, about_run, config, context, case=case)  # which has a bound
        found = decide(definition, occurrence, run_id, context, config, case=case)
    except EXPECTED as error:
        return Outlook({}, failure=failure_of(error))
    return Outlook({}, found.rules, found.tasks)


def _new_case(
    definition: ActivityDefinition, occurrence: Occurrence
) -> Mapping[str, JsonValue] | None:
    """What rules of an ongoing definition would see if a case began with it."""
    if definition.lifecycle != "ongoing":
        return None
    return replace(occurrence, state=turn(definition, None, occurrence).state).case
