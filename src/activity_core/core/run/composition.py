"""Composition: which pending runs one Temporal workflow carries out together.

A workflow costs about 10 ms of CPU on a small server, a run in it a tenth of that; so the starter
puts runs that need nothing long-lived into one execution, up to a bound. What is alone keeps the
workflow id of its occurrence.
"""

from collections.abc import Callable, Sequence

from activity_core.core import ids
from activity_core.core.run.run import Execution, PendingRun


def compose(
    pending: Sequence[PendingRun], *, is_fused: Callable[[PendingRun], bool], max_runs: int
) -> list[Execution]:
    """Every pending run in exactly one execution of at most `max_runs` runs.

    First attempts of fused runs share; retries and runs that wait for something stay alone.
    """
    alone: list[Sequence[PendingRun]] = []
    together: list[PendingRun] = []
    for run in pending:
        if run.attempt == 1 and is_fused(run):
            together.append(run)
        else:
            alone.append([run])
    shared = [together[i : i + max_runs] for i in range(0, len(together), max_runs)]
    return [_execution(members) for members in (*alone, *shared)]


def _execution(members: Sequence[PendingRun]) -> Execution:
    execution_id = ids.execution_id((run.run_id, run.attempt) for run in members)
    if len(members) == 1:
        only = members[0]
        workflow = ids.workflow_id(only.definition_id, only.occurrence_key, only.attempt)
    else:
        workflow = ids.batch_workflow_id(execution_id)
    return Execution(execution_id, workflow, tuple(run.run_id for run in members))
