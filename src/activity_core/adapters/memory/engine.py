"""Temporal workflows as names with a state: nothing runs, everything is remembered."""

from activity_core.adapters.memory.failures import Failures
from activity_core.core import ids
from activity_core.core.run.progress import TaskStep
from activity_core.core.run.run import Execution
from activity_core.ports.engine import Purpose, WorkflowState


class MemoryEngine:
    """`ports.engine`. A test says by `states` what became of a workflow."""

    def __init__(self) -> None:
        self.failures = Failures()
        self.started: dict[str, Execution] = {}
        self.tasks: dict[str, TaskStep] = {}
        self.states: dict[str, WorkflowState] = {}
        self.cases: dict[str, str] = {}
        self.purposes: dict[str, Purpose] = {}
        self.signals: list[str] = []
        self.ticks = 0

    async def start(self, execution: Execution) -> None:
        """Start it unless its workflow id was started before, closed ones included."""
        self.failures.raise_before()
        if execution.workflow_id not in self.started:
            self.started[execution.workflow_id] = execution
            self.states[execution.workflow_id] = WorkflowState.RUNNING
        self.failures.raise_after()

    async def start_task(self, step: TaskStep, purpose: Purpose) -> None:
        """Start it unless it was started before."""
        self.failures.raise_before()
        workflow_id = ids.task_workflow_id(step.task_id)
        if workflow_id not in self.states:
            self.tasks[workflow_id] = step
            self.purposes[workflow_id] = purpose
            self.states[workflow_id] = WorkflowState.RUNNING
        self.failures.raise_after()

    async def start_case(self, case_id: str, workflow_id: str, purpose: Purpose) -> None:
        """Start it, or ring it if it runs."""
        self.failures.raise_before()
        self.cases[workflow_id] = case_id
        self.purposes[workflow_id] = purpose
        self.states[workflow_id] = WorkflowState.RUNNING
        self.signals.append(workflow_id)
        self.failures.raise_after()

    async def signal(self, workflow_id: str) -> bool:
        """Remember the signal, if the workflow is running."""
        self.failures.raise_before()
        if self.states.get(workflow_id) is not WorkflowState.RUNNING:
            return False
        self.signals.append(workflow_id)
        self.failures.raise_after()
        return True

    async def cancel(self, workflow_id: str) -> bool:
        """A running workflow is cancelled at once."""
        return self._end(workflow_id, WorkflowState.CANCELLED)

    async def terminate(self, workflow_id: str) -> bool:
        """A running workflow is terminated."""
        return self._end(workflow_id, WorkflowState.TERMINATED)

    def _end(self, workflow_id: str, state: WorkflowState) -> bool:
        self.failures.raise_before()
        if self.states.get(workflow_id) is not WorkflowState.RUNNING:
            return False
        self.states[workflow_id] = state
        self.failures.raise_after()
        return True

    async def tick(self) -> None:
        """Count it; nobody settles anything."""
        self.failures.raise_before()
        self.ticks += 1
        self.failures.raise_after()

    async def state(self, workflow_id: str) -> WorkflowState:
        """What it was told, `absent` if nothing."""
        self.failures.raise_before()
        return self.states.get(workflow_id, WorkflowState.ABSENT)
