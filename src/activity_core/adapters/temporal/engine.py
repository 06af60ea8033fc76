"""The engine over a Temporal client: starts, rings, ends and looks up workflows of ours."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import structlog
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import (
    Priority,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.service import RPCError, RPCStatusCode

from activity_core.adapters.temporal.client import unavailable
from activity_core.adapters.temporal.labels import memo, summary
from activity_core.adapters.temporal.requests import once, reaches
from activity_core.adapters.temporal.search_attributes import (
    attributes_for,
    attributes_of,
    is_about_attributes,
)
from activity_core.core import ids
from activity_core.core.run.errors import StartRefusedError
from activity_core.core.run.progress import TaskStep
from activity_core.core.run.run import Execution
from activity_core.ports.engine import Purpose, WorkflowState
from activity_core.workflows.case_messages import ONGOING_CASE, RING, CaseRequest
from activity_core.workflows.messages import (
    PERFORM_ALONE,
    RUN_ACTIVITY,
    SLOT_TICK,
    TASKS_CHANGED,
    RunRequest,
)

TASK_TIMEOUT = timedelta(seconds=4)
"""A worker killed in the middle stalls its runs this long; Temporal's default is 10 s."""

OVERDUE_TICK = "activity-tick-overdue"
"""Workflow id of the one tick that `tick` asks for."""

_STATES = {
    WorkflowExecutionStatus.RUNNING: WorkflowState.RUNNING,
    WorkflowExecutionStatus.CONTINUED_AS_NEW: WorkflowState.RUNNING,
    WorkflowExecutionStatus.COMPLETED: WorkflowState.COMPLETED,
    WorkflowExecutionStatus.FAILED: WorkflowState.FAILED,
    WorkflowExecutionStatus.CANCELED: WorkflowState.CANCELLED,
    WorkflowExecutionStatus.TERMINATED: WorkflowState.TERMINATED,
    WorkflowExecutionStatus.TIMED_OUT: WorkflowState.TIMED_OUT,
}

_log = structlog.get_logger(__name__)


class TemporalEngine:
    """One namespace and the task queue of the runs."""

    def __init__(
        self, client: Client, queue: str, *, searchable: bool = False, eager: bool = True
    ) -> None:
        """See the port.

        Args:
            client: of Temporal.
            queue: of the workers of runs.
            searchable: the namespace knows our search attributes.
            eager: a worker of this client may have runs at once. Not if it has a version, which
                might not be the current one.
        """
        self._client = client
        self._queue = queue
        self._searchable = searchable
        self._eager = eager

    async def start(self, execution: Execution) -> None:
        """Start RunActivity for an execution; one that was started before counts as success.

        Raises:
            StartRefusedError: it can never be started as it is.
            UnavailableError: unknown whether it was started; start it again.
        """
        await self._findable(attributes_of(execution), partial(self._start, execution))

    async def _start(self, execution: Execution, found_by: TypedSearchAttributes | None) -> None:
        await once(
            execution.workflow_id,
            self._client.start_workflow(
                RUN_ACTIVITY,
                RunRequest(execution_id=execution.execution_id),
                id=execution.workflow_id,
                task_queue=self._queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                task_timeout=TASK_TIMEOUT,
                priority=Priority(priority_key=execution.priority),
                memo=memo(execution),
                search_attributes=found_by,
                static_summary=summary(execution),
                request_eager_start=self._eager,
            ),
        )

    async def start_task(self, step: TaskStep, purpose: Purpose) -> None:
        """Start PerformTask for a task that no run carries out; see `start`.

        Raises:
            StartRefusedError: it can never be started as it is.
            UnavailableError: unknown whether it was started; start it again.
        """
        await self._findable(attributes_for(purpose), partial(self._start_task, step))

    async def _start_task(self, step: TaskStep, found_by: TypedSearchAttributes | None) -> None:
        workflow_id = ids.task_workflow_id(step.task_id)
        await once(
            workflow_id,
            self._client.start_workflow(
                PERFORM_ALONE,
                step,
                id=workflow_id,
                task_queue=self._queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                task_timeout=TASK_TIMEOUT,
                search_attributes=found_by,
            ),
        )

    async def start_case(self, case_id: str, workflow_id: str, purpose: Purpose) -> None:
        """Start OngoingCase for a case, or ring it if it runs. Doing it again does no harm.

        Raises:
            StartRefusedError: Temporal does not take it as it is.
            UnavailableError: unknown whether it was started or rung; do it again.
        """
        start = partial(self._start_case, case_id, workflow_id)
        await self._findable(attributes_for(purpose), start)

    async def _start_case(
        self, case_id: str, workflow_id: str, found_by: TypedSearchAttributes | None
    ) -> None:
        await once(
            workflow_id,
            self._client.start_workflow(
                ONGOING_CASE,
                CaseRequest(case_id),
                id=workflow_id,
                task_queue=self._queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                task_timeout=TASK_TIMEOUT,
                search_attributes=found_by,
                start_signal=RING,
            ),
        )

    async def _findable(
        self,
        found_by: TypedSearchAttributes,
        start: Callable[[TypedSearchAttributes | None], Awaitable[None]],
    ) -> None:
        """`start` with search attributes, and without where the namespace does not take them."""
        try:
            await start(found_by if self._searchable else None)
        except StartRefusedError as error:
            if not (self._searchable and is_about_attributes(error)):
                raise
            _log.warning("no_search_attributes", error=str(error))
            self._searchable = False
            await start(None)

    async def signal(self, workflow_id: str) -> bool:
        """Ring the workflow's doorbell; False if it is not there or closed."""
        handle = self._client.get_workflow_handle(workflow_id)
        return await reaches(handle.signal(TASKS_CHANGED), f"signalling {workflow_id}")

    async def cancel(self, workflow_id: str) -> bool:
        """Ask a workflow to end; False if it is not there or closed."""
        if await self.state(workflow_id) is not WorkflowState.RUNNING:
            return False  # Temporal itself takes a request to cancel what is closed
        handle = self._client.get_workflow_handle(workflow_id)
        return await reaches(handle.cancel(), f"cancelling {workflow_id}")

    async def terminate(self, workflow_id: str) -> bool:
        """End a workflow at once; False if it is not there or closed."""
        handle = self._client.get_workflow_handle(workflow_id)
        return await reaches(handle.terminate(), f"terminating {workflow_id}")

    async def tick(self) -> None:
        """Have a worker settle the slots that are due, unless one is asked to already.

        Raises:
            UnavailableError: Temporal does not answer; nothing is settled while it is away.
        """
        try:
            await self._client.start_workflow(
                SLOT_TICK,
                id=OVERDUE_TICK,
                task_queue=self._queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                task_timeout=TASK_TIMEOUT,
            )
        except RPCError as error:
            raise unavailable(error, "asking for a tick") from error

    async def state(self, workflow_id: str) -> WorkflowState:
        """What Temporal says about a workflow id."""
        try:
            found = await self._client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return WorkflowState.ABSENT
            raise unavailable(error, f"looking up {workflow_id}") from error
        if found.status is None:
            return WorkflowState.RUNNING
        return _STATES.get(found.status, WorkflowState.RUNNING)
