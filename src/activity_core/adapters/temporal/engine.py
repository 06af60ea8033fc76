"""The engine over a Temporal client: starts, rings, ends and looks up workflows of ours."""

from collections.abc import Awaitable
from datetime import timedelta

import structlog
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import (
    Priority,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activity_core.adapters.temporal.client import start_refused, unavailable
from activity_core.adapters.temporal.search_attributes import attributes_of, is_about_attributes
from activity_core.core import ids
from activity_core.core.run.errors import StartRefusedError
from activity_core.core.run.progress import TaskStep
from activity_core.core.run.run import Execution
from activity_core.ports.engine import WorkflowState
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

MOST_NAMED = 20
"""Definitions named in a memo: the SDK warns of memos above 2 KiB."""

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

    def __init__(self, client: Client, queue: str, *, searchable: bool = False) -> None:
        """`searchable`: the namespace knows our search attributes."""
        self._client = client
        self._queue = queue
        self._searchable = searchable

    async def start(self, execution: Execution) -> None:
        """Start RunActivity for an execution; one that was started before counts as success.

        Raises:
            StartRefusedError: it can never be started as it is.
            UnavailableError: unknown whether it was started; start it again.
        """
        try:
            found_by = attributes_of(execution) if self._searchable else None
            await self._start(execution, found_by)
        except StartRefusedError as error:
            if not (self._searchable and is_about_attributes(error)):
                raise
            _log.warning("no_search_attributes", error=str(error))
            self._searchable = False
            await self._start(execution, None)

    async def _start(self, execution: Execution, found_by: TypedSearchAttributes | None) -> None:
        await _once(
            execution.workflow_id,
            self._client.start_workflow(
                RUN_ACTIVITY,
                RunRequest(execution_id=execution.execution_id),
                id=execution.workflow_id,
                task_queue=self._queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                task_timeout=TASK_TIMEOUT,
                priority=Priority(priority_key=execution.priority),
                memo=_memo(execution),
                search_attributes=found_by,
                static_summary=_summary(execution),
                request_eager_start=True,
            ),
        )

    async def start_task(self, step: TaskStep) -> None:
        """Start PerformTask for a task that no run carries out; see `start`.

        Raises:
            StartRefusedError: it can never be started as it is.
            UnavailableError: unknown whether it was started; start it again.
        """
        workflow_id = ids.task_workflow_id(step.task_id)
        await _once(
            workflow_id,
            self._client.start_workflow(
                PERFORM_ALONE,
                step,
                id=workflow_id,
                task_queue=self._queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                task_timeout=TASK_TIMEOUT,
            ),
        )

    async def start_case(self, case_id: str, workflow_id: str) -> None:
        """Start OngoingCase for a case, or ring it if it runs. Doing it again does no harm.

        Raises:
            UnavailableError: unknown whether it was started or rung; do it again.
        """
        try:
            await self._client.start_workflow(
                ONGOING_CASE,
                CaseRequest(case_id),
                id=workflow_id,
                task_queue=self._queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                task_timeout=TASK_TIMEOUT,
                start_signal=RING,
            )
        except RPCError as error:
            raise unavailable(error, f"starting {workflow_id}") from error

    async def signal(self, workflow_id: str) -> bool:
        """Ring the workflow's doorbell; False if it is not there or closed."""
        handle = self._client.get_workflow_handle(workflow_id)
        return await _reaches(handle.signal(TASKS_CHANGED), f"signalling {workflow_id}")

    async def cancel(self, workflow_id: str) -> bool:
        """Ask a workflow to end; False if it is not there or closed."""
        if await self.state(workflow_id) is not WorkflowState.RUNNING:
            return False  # Temporal itself takes a request to cancel what is closed
        handle = self._client.get_workflow_handle(workflow_id)
        return await _reaches(handle.cancel(), f"cancelling {workflow_id}")

    async def terminate(self, workflow_id: str) -> bool:
        """End a workflow at once; False if it is not there or closed."""
        handle = self._client.get_workflow_handle(workflow_id)
        return await _reaches(handle.terminate(), f"terminating {workflow_id}")

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
        return (
            _STATES.get(found.status, WorkflowState.RUNNING)
            if found.status
            else (WorkflowState.RUNNING)
        )


async def _once(workflow_id: str, start: Awaitable[object]) -> None:
    """What was started before counts as started."""
    try:
        await start
    except WorkflowAlreadyStartedError:
        return
    except RPCError as error:
        if refused := start_refused(error, workflow_id):
            raise refused from error
        raise unavailable(error, f"starting {workflow_id}") from error


def _memo(execution: Execution) -> dict[str, list[str]] | None:
    """Whose runs share a workflow, for who looks at it in Temporal."""
    if len(execution.runs) == 1:
        return None
    return {"definitions": list(execution.definitions[:MOST_NAMED])}


def _summary(execution: Execution) -> str | None:
    if len(execution.runs) == 1:
        return None
    names = execution.definitions
    whose = names[0] if len(names) == 1 else f"{len(names)} definitions"
    return f"{len(execution.runs)} runs of {whose}"


async def _reaches(request: Awaitable[None], doing: str) -> bool:
    """Whether there was a running workflow to do it to."""
    try:
        await request
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise unavailable(error, doing) from error
    return True
