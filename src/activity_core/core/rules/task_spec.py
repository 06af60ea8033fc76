"""Task specs: work decided by `rules`, before it is a row (`task`)."""

from dataclasses import dataclass, field
from enum import StrEnum

from activity_core.core.definition.human_task import HumanTask
from activity_core.core.jsontext import JsonValue
from activity_core.core.run.progress import Patience


class TaskKind(StrEnum):
    """Who does it, and how."""

    HTTP = "http"
    PYTHON = "python"
    ACTIVITY = "activity"
    WORKFLOW = "workflow"
    SQL = "sql"
    EMIT = "emit"
    MAIL = "mail"
    HUMAN = "human"


class TaskRole(StrEnum):
    """Why a task is there.

    A rule wants it (`task`); it undoes a completed one (`compensation`); it tells people of a human
    one (`notification`); a person is to look after a compensation that failed (`help`).
    """

    TASK = "task"
    COMPENSATION = "compensation"
    NOTIFICATION = "notification"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One task, rendered unless it is late.

    Attributes:
        item: index of the item of `for_each` that it is for; 0 without a loop.
        inputs: http {connection, method, url, headers, json, form, success, retry_when, outputs,
            callback}; python {plugin, args}; activity {type, args}; workflow {type, args,
            parent_close}; sql {connection, statement, params}; emit {type, subject, data};
            mail {connection, to, subject, text}; human {title, description, form, outcomes}.
        needs: task ids that must be over before, as `join` says; all of the same rule and item.
        wait: whether the run stays open until it is done (human tasks).
        human: how a human task goes on when nobody does it.
        about: the task that a compensation, notification or help is about.
        late: its words see what other tasks came to, so they are rendered when its turn has come;
            until then `inputs` is empty and `title` the template's id.
        parallel: how many tasks of its rule machines do at the same time.
        undo: whether it has a compensation.
    """

    task_id: str
    rule: str
    spec_id: str
    item: int
    kind: TaskKind
    title: str
    inputs: dict[str, JsonValue]
    needs: tuple[str, ...]
    queue: str | None
    patience: Patience
    assignee: str | None = None
    groups: tuple[str, ...] = ()
    wait: bool = False
    human: HumanTask | None = field(default=None, compare=False)
    role: TaskRole = TaskRole.TASK
    about: str | None = None
    late: bool = False
    join: str = "all_succeeded"
    on_failure: str = "fail"
    parallel: int = 10
    undo: bool = False
