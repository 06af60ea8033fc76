"""The engine: Temporal workflows, as the services see them. Starting is idempotent by id."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from activity_core.core.run.progress import TaskStep
from activity_core.core.run.run import Execution


class WorkflowState(StrEnum):
    """What became of a workflow. `absent`: the engine does not know it (any more)."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"
    TIMED_OUT = "timed_out"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a workflow is for, as the engine's own pages find it.

    Attributes:
        version: of the definition, when the workflow was started.
        occurrence: the case or the task.
        owner: of the definition; empty: it names none.
    """

    definition_id: str
    version: int
    occurrence: str
    owner: str = ""


class Engine(Protocol):
    """One namespace of Temporal."""

    async def start(self, execution: Execution) -> None:
        """Start RunActivity for an execution; one that was started before counts as success.

        Raises:
            StartRefusedError: it can never be started as it is.
            UnavailableError: unknown whether it was started; start it again.
        """
        ...

    async def start_task(self, step: TaskStep, purpose: Purpose) -> None:
        """Start PerformTask for a task that no run carries out; see `start`.

        Raises:
            StartRefusedError: it can never be started as it is.
            UnavailableError: unknown whether it was started; start it again.
        """
        ...

    async def start_case(self, case_id: str, workflow_id: str, purpose: Purpose) -> None:
        """Start OngoingCase for a case, or ring it if it runs. Doing it again does no harm.

        Raises:
            StartRefusedError: the engine does not take it as it is.
            UnavailableError: unknown whether it was started or rung; do it again.
        """
        ...

    async def signal(self, workflow_id: str) -> bool:
        """Ring the workflow's doorbell; False if it is not there or closed."""
        ...

    async def cancel(self, workflow_id: str) -> bool:
        """Ask a workflow to end; False if it is not there or closed."""
        ...

    async def terminate(self, workflow_id: str) -> bool:
        """End a workflow at once; False if it is not there or closed."""
        ...

    async def tick(self) -> None:
        """Have a worker settle the slots that are due, unless one is asked to already.

        Raises:
            UnavailableError: Temporal does not answer; nothing is settled while it is away.
        """
        ...

    async def state(self, workflow_id: str) -> WorkflowState:
        """What Temporal says about a workflow id."""
        ...
