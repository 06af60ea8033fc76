"""Closing: how a run ends whose tasks are over, by what became of them.

In: the tallies of its tasks, its pinned definition, and whether it was asked to stop. Out: its
status, and why it failed. What somebody undid did not fail; what fails and may, did not either.
"""

from collections.abc import Sequence

from activity_core.core.definition.definition import ActivityDefinition
from activity_core.core.rules.task_spec import TaskRole
from activity_core.core.run.compensation import rule_of, template_of
from activity_core.core.run.join import is_failure
from activity_core.core.run.run import RunFailure, RunStatus
from activity_core.core.run.tally import MOST_NAMED, Tally
from activity_core.core.run.task import TaskStatus


def ending_of(
    definition: ActivityDefinition, tallies: Sequence[Tally], stop: str
) -> tuple[RunStatus, RunFailure | None]:
    """How a run ends of which nothing is left.

    Failed, if a compensation failed, or a task that was not compensated; else compensated, if
    anything was; else completed, or cancelled if it was asked to stop.
    """
    given_up = [tally for tally in tallies if _is_given_up(tally)]
    if given_up:
        return RunStatus.FAILED, _failure("compensation_failed", "not undone", given_up)
    failed = [tally for tally in tallies if _is_failure(definition, tally)]
    if failed:
        return RunStatus.FAILED, _failure("task_failed", "not successful", failed)
    if any(tally.status is TaskStatus.COMPENSATED for tally in tallies):
        return RunStatus.COMPENSATED, None
    return (RunStatus.CANCELLED if stop else RunStatus.COMPLETED), None


def _is_given_up(tally: Tally) -> bool:
    return tally.role is TaskRole.COMPENSATION and tally.status is TaskStatus.FAILED


def _is_failure(definition: ActivityDefinition, tally: Tally) -> bool:
    """Of a task for good, which is not undone, and which the run does not do without."""
    if tally.role is not TaskRole.TASK or tally.undone:
        return False
    if not is_failure(tally.status, tally.outcome):
        return False
    template = template_of(definition, tally.rule, tally.spec_id)
    return rule_of(definition, tally.rule).on_failure(template) != "continue"


def _failure(code: str, what: str, tallies: Sequence[Tally]) -> RunFailure:
    ids = [task_id for tally in tallies for task_id in tally.some][:MOST_NAMED]
    count = sum(tally.count for tally in tallies)
    more = f" and {count - len(ids)} more" if count > len(ids) else ""
    return RunFailure(code, f"{what}: {', '.join(ids)}{more}")
