"""Composition: which pending runs one Temporal workflow carries out together.

A workflow costs about 10 ms of CPU on a small server, a run in it a tenth of that; so the starter
puts runs of any definition that need nothing long-lived into one execution, up to bounds of number
and bytes (that of time is the recorder's). Nobody waits for company: what is pending when the
starter looks is all there is, one run at low load, many when they come quicker than workflows
start. What is alone keeps the workflow id of its occurrence.
"""

from collections.abc import Callable, Sequence

from activity_core.core import ids
from activity_core.core.run.run import Execution, PendingRun

MOST_BYTES = 4 * 1024 * 1024
"""Of events and inputs of the runs of one execution, unless a single run has more."""


def compose(
    pending: Sequence[PendingRun], *, may_share: Callable[[PendingRun], bool], max_runs: int
) -> list[Execution]:
    """Every pending run in exactly one execution of at most `max_runs` runs, in their order.

    First attempts of runs that may share do; retries and all others stay alone. Those of several
    priorities may share: the whole is as urgent as its most urgent run.
    """
    groups: list[list[PendingRun]] = []
    shared: list[PendingRun] = []
    size = 0
    for run in pending:
        if run.attempt > 1 or not may_share(run):
            groups.append([run])
            continue
        if not shared or len(shared) == max_runs or size + run.size > MOST_BYTES:
            shared, size = [], 0
            groups.append(shared)
        shared.append(run)
        size += run.size
    return [_execution(members) for members in groups]


def _execution(members: Sequence[PendingRun]) -> Execution:
    execution_id = ids.execution_id((run.run_id, run.attempt) for run in members)
    if len(members) == 1:
        only = members[0]
        workflow = ids.workflow_id(only.definition_id, only.occurrence_key, only.attempt)
    else:
        workflow = ids.batch_workflow_id(execution_id)
    return Execution(
        execution_id,
        workflow,
        tuple(run.run_id for run in members),
        tuple(sorted({run.definition_id for run in members})),
        min(run.priority for run in members),
        tuple(sorted({f"{run.definition_id}@{run.version}" for run in members})),
        tuple(sorted({run.occurrence_key for run in members})),
    )
