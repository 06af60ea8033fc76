"""`RunActivity`: carries out one or many committed runs; orchestration only.

The starter starts it with ids; `steps` does the work. Runs that need nothing long-lived are over
after one local activity within one workflow task. A single run may have remote sources to gather
and tasks to perform; then this goes on until nothing is left of it. That a run failed is a recorded
fact: the workflow itself completes.
"""

from collections import Counter
from functools import partial

from temporalio import workflow

from activity_core.core.run.progress import Progress, ProgressState
from activity_core.workflows.calls import local
from activity_core.workflows.gathering import gather
from activity_core.workflows.messages import (
    ADVANCE,
    CLOSE_RUN,
    FAIL_RUN,
    GATHER_SOURCE,
    RUN_ACTIVITY,
    TASKS_CHANGED,
    CloseRun,
    FailRun,
    GatherSource,
    RunRequest,
    RunResult,
)
from activity_core.workflows.outcome import mark_outcome
from activity_core.workflows.outside import Doorbell
from activity_core.workflows.task_graph import TaskGraph


@workflow.defn(name=RUN_ACTIVITY)
class RunActivity:
    """One execution. Its history holds ids, policies and short reasons of failure."""

    def __init__(self) -> None:
        self._doorbell = Doorbell()

    @workflow.run
    async def run(self, request: RunRequest) -> RunResult:
        """Carry out the runs of an execution."""
        progress = await local(ADVANCE, request, Progress)
        counts = Counter(request.counts)
        counts.update(progress.counts)
        while progress.state is not ProgressState.DONE:
            if progress.state is ProgressState.GATHER:
                progress = await _gather(request, progress)
            elif await TaskGraph(progress, self._doorbell).carry_out():
                closing = CloseRun(progress.execution_id, progress.run_id)
                progress = await local(CLOSE_RUN, closing, Progress)
            else:
                workflow.continue_as_new(RunRequest(request.execution_id, dict(counts)))
            counts.update(progress.counts)
        mark_outcome(counts)
        return RunResult(dict(counts))

    @workflow.signal(name=TASKS_CHANGED)
    def tasks_changed(self) -> None:
        """Carries nothing: what changed is in the database."""
        self._doorbell.rung = True


async def _gather(request: RunRequest, progress: Progress) -> Progress:
    """Ask all remote sources and go on, or close the run if one has no answer."""
    question = partial(GatherSource, progress.execution_id, progress.run_id)
    failure = await gather(GATHER_SOURCE, progress.sources, question)
    if failure is None:
        return await local(ADVANCE, request, Progress)
    verdict = FailRun(progress.execution_id, progress.run_id, *failure)
    return await local(FAIL_RUN, verdict, Progress)
