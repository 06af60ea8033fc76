"""New tasks as rows of the in-memory tables."""

from activity_core.adapters.memory.rows import RunRow
from activity_core.core.run.task import FINAL, NewTask, TaskInstance, TaskResult, TaskStatus


def recorded(run: RunRow, new: NewTask) -> TaskInstance:
    """The task as it is stored, with the trace of its run."""
    spec, event = new.spec, run.occurrence.event
    return TaskInstance(
        task_id=spec.task_id,
        run_id=run.run_id,
        definition_id=run.definition_id,
        version=run.version,
        rule=spec.rule,
        spec_id=spec.spec_id,
        item=spec.item,
        kind=spec.kind,
        title=spec.title,
        status=new.status,
        inputs=spec.inputs,
        needs=spec.needs,
        assignee=spec.assignee,
        groups=spec.groups,
        clock=new.clock,
        wait=spec.wait,
        role=spec.role,
        about=spec.about,
        late=spec.late,
        result=_result(new.status) if new.status in FINAL else None,
        traceparent=event.traceparent if event else None,
        causation_depth=event.causation_depth if event else 0,
    )


def _result(status: TaskStatus) -> TaskResult:
    return TaskResult(status, "done" if status is TaskStatus.COMPLETED else status)
