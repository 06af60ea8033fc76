"""Rows of tasks as the ledgers read them: `COLUMNS` of `tasks t join runs r`."""

from psycopg.rows import DictRow

from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.task import FINAL, TaskInstance, TaskResult, TaskStatus

COLUMNS = """
t.task_id, t.run_id, t.definition_id, t.version, t.rule, t.spec_id, t.item, t.kind, t.title,
t.status, t.inputs, t.needs, t.assignee, t.groups, t.due_at, t.wait, t.outcome, t.outputs, t.error,
t.comment, t.completed_by, r.traceparent, r.causation_depth
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
        due_at=row["due_at"],
        wait=row["wait"],
        result=result,
        traceparent=row["traceparent"],
        causation_depth=row["causation_depth"],
    )
