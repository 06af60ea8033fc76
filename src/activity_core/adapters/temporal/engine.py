"""The engine over a Temporal client: starts, rings and looks up `RunActivity` workflows."""

from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activity_core.adapters.temporal.client import unavailable
from activity_core.core.run.run import Execution
from activity_core.ports.engine import WorkflowState
from activity_core.workflows.messages import RUN_ACTIVITY, TASKS_CHANGED, RunRequest

TASK_TIMEOUT = timedelta(seconds=4)
"""A worker killed in the middle stalls its runs this long; Temporal's default is 10 s."""

_STATES = {
    WorkflowExecutionStatus.RUNNING: WorkflowState.RUNNING,
    WorkflowExecutionStatus.CONTINUED_AS_NEW: WorkflowState.RUNNING,
    WorkflowExecutionStatus.COMPLETED: WorkflowState.COMPLETED,
    WorkflowExecutionStatus.FAILED: WorkflowState.FAILED,
    WorkflowExecutionStatus.CANCELED: WorkflowState.CANCELLED,
    WorkflowExecutionStatus.TERMINATED: WorkflowState.TERMINATED,
    WorkflowExecutionStatus.TIMED_OUT: WorkflowState.TIMED_OUT,
}


class TemporalEngine:
    """One namespace and the task queue of the runs."""

    def __init__(self, client: Client, queue: str) -> None:
        self._client = client
        self._queue = queue

    async def start(self, execution: Execution) -> None:
        """Start RunActivity for an execution; one that was started before counts as success.

        Raises:
            UnavailableError: unknown whether it was started; start it again.
        """
        try:
            await self._client.start_workflow(
                RUN_ACTIVITY,
                RunRequest(execution_id=execution.execution_id),
                id=execution.workflow_id,
                task_queue=self._queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                task_timeout=TASK_TIMEOUT,
                request_eager_start=True,
            )
        except WorkflowAlreadyStartedError:
            return
        except RPCError as error:
            raise unavailable(error, f"starting {execution.workflow_id}") from error

    async def signal(self, workflow_id: str) -> bool:
        """Ring the workflow's doorbell; False if it is not there or closed."""
        try:
            await self._client.get_workflow_handle(workflow_id).signal(TASKS_CHANGED)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise unavailable(error, f"signalling {workflow_id}") from error
        return True

    async def state(self, workflow_id: str) -> WorkflowState:
        """What Temporal says about a workflow id."""
        try:
            found = await self._client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return WorkflowState.ABSENT
            raise unavailable(error, f"looking up {workflow_id}") from error
        return (
            _STATES.get(found.status, WorkflowState.RUNNING)
            if found.status
            else (WorkflowState.RUNNING)
        )
