"""What machines do: one task from its beginning to its end, whatever its kind.

Used by `task_graph` and `compensation`. Ours are performed by a Temporal activity of ours; others'
(kinds `activity` and `workflow`) are called from here, on their task queue, between two local
steps: what is called, and what it came to.
"""

from activity_core.core.run.progress import Call, TaskEnd, TaskStep
from activity_core.workflows.calls import (
    call_activity,
    call_workflow,
    local,
    local_if_any,
    remote,
)
from activity_core.workflows.failures import Ended, reason
from activity_core.workflows.messages import (
    CALL_TASK,
    END_TASK,
    FAIL_TASK,
    PERFORM_TASK,
    CallTask,
    EndTask,
    FailTask,
    PerformTask,
)

COMPLETED, FAILED, RUNNING = "completed", "failed", "running"


async def by_machine(step: TaskStep, run_attempt: int) -> TaskEnd:
    """Do a task and record its end; `running` if the other side is to call back."""
    try:
        if step.call:
            return await _called(step, run_attempt)
        order = PerformTask(step.task_id, run_attempt)
        end = await remote(PERFORM_TASK, order, step.patience, TaskEnd, step.queue)
    except Ended as error:
        kind, message = reason(error, step.patience, step.queue)
        return await failed(FailTask(step.task_id, run_attempt, message, kind))
    return end or TaskEnd(COMPLETED)


async def failed(verdict: FailTask) -> TaskEnd:
    """Record that nobody tries again; what ended otherwise meanwhile stays so."""
    return await local_if_any(FAIL_TASK, verdict, TaskEnd) or TaskEnd(FAILED)


async def _called(step: TaskStep, run_attempt: int) -> TaskEnd:
    call = await local(CALL_TASK, CallTask(step.task_id, run_attempt), Call)
    if call.end is not None:
        return call.end
    if step.call == "workflow":
        child_id = f"{step.task_id}-{run_attempt}"
        answer = await call_workflow(call, step.patience, step.queue, child_id)
    else:
        answer = await call_activity(call, step.patience, step.queue)
    return await local(END_TASK, EndTask(step.task_id, run_attempt), TaskEnd, answer)
