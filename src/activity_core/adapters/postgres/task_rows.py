"""Rows of tasks as the ledgers read them: `COLUMNS` of `tasks t join runs r`; and how they end."""

from psycopg.rows import DictRow

from activity_core.core.rules.task_spec import TaskKind, TaskRole
from activity_core.core.run.task import FINAL, TaskClock, TaskInstance, TaskResult, TaskStatus

COLUMNS = """
t.task_id, t.run_id, t.definition_id, t.version, t.rule, t.spec_id, t.item, t.kind, t.title,
t.status, t.inputs, t.needs, t.assignee, t.groups, t.due_at, t.wait, t.outcome, t.outputs, t.error,
t.comment, t.completed_by, t.error_type, t.role, t.about, t.late, t.claimed_by, t.revision,
t.follow_up_at, t.wake_at, t.step, t.ready_at, t.finished_at, t.waits_until, t.undo,
r.traceparent, r.causation_depth, r.attempt as run_attempt
"""


def instance(row: DictRow) -> TaskInstance:
    """A row of `COLUMNS` as it was recorded, with its result if it is final."""
    status = TaskStatus(row["status"])
    result = None
    if status in FINAL:
        result = TaskResult(
            status=status,
            outcome=row["outcome"],
            outputs=row["outputs"],
            error=row["error"],
            comment=row["comment"],
            by=row["completed_by"],
            error_type=row["error_type"],
        )
    return TaskInstance(
        task_id=row["task_id"],
        run_id=row["run_id"],
        definition_id=row["definition_id"],
        version=row["version"],
        rule=row["rule"],
        spec_id=row["spec_id"],
        item=row["item"],
        kind=TaskKind(row["kind"]),
        title=row["title"],
        status=status,
        inputs=row["inputs"],
        needs=row["needs"],
        assignee=row["assignee"],
        groups=row["groups"],
        clock=TaskClock(row["due_at"], row["follow_up_at"], row["wake_at"], row["step"]),
        wait=row["wait"],
        role=TaskRole(row["role"]),
        about=row["about"],
        late=row["late"],
        undo=row["undo"],
        claimed_by=row["claimed_by"],
        revision=row["revision"],
        result=result,
        ready_at=row["ready_at"],
        finished_at=row["finished_at"],
        waits_until=row["waits_until"],
        traceparent=row["traceparent"],
        causation_depth=row["causation_depth"],
        run_attempt=row["run_attempt"],
    )
