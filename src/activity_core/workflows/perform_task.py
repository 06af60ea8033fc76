"""`PerformTask`: one task that no run carries out, a notification.

The starter starts it with the task's id and policies; it tries until it is done or nobody tries
again, which is recorded. Nobody waits for it.
"""

from temporalio import workflow

from activity_core.core.run.progress import TaskStep
from activity_core.workflows.machine_tasks import by_machine
from activity_core.workflows.messages import PERFORM_ALONE
from activity_core.workflows.outcome import mark

RUN_ATTEMPT = 1
"""What other runs of the same thing would count: this one has none."""


@workflow.defn(name=PERFORM_ALONE)
class PerformTask:
    """One notification. Its result is the final status of the task."""

    @workflow.run
    async def run(self, step: TaskStep) -> str:
        """Do it and record its end."""
        status = (await by_machine(step, RUN_ATTEMPT)).status
        mark(status)
        return status
