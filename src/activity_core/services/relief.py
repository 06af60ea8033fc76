"""Relief: nobody is to undo by hand what was undone after all.

In: the end of a task, from the performer or a callback. Out: the same; of a compensation that is
completed in a retried run, with the end of the task that asks a person for help with it.
"""

from dataclasses import replace

from activity_core.core.rules.task_spec import TaskRole
from activity_core.core.run.announcing import task_ended
from activity_core.core.run.task import FINAL, TaskInstance, TaskResult, TaskStatus
from activity_core.ports.task_ledger import Finish, TaskLedger

RELIEVED = TaskResult(
    TaskStatus.CANCELLED, "cancelled", comment="its compensation was tried again and is completed"
)
"""How such a request for help ends."""


async def relieved(
    tasks: TaskLedger, task: TaskInstance, finish: Finish, *, deployment: str
) -> Finish:
    """The end of this task, with what ends with it."""
    is_undone = finish.result.status is TaskStatus.COMPLETED
    if task.role is not TaskRole.COMPENSATION or not is_undone:
        return finish
    for other in await tasks.group(task.run_id, task.rule, task.item):
        is_about_it = other.role is TaskRole.HELP and other.about == task.task_id
        if is_about_it and other.status not in FINAL:
            said = task_ended(
                other, RELIEVED, deployment=deployment, at=finish.at, attempt=other.run_attempt
            )
            finish = replace(
                finish, also=Finish(other.task_id, RELIEVED, finish.at, [said], also=finish.also)
            )
    return finish
