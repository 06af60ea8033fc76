"""Tasks as rows: a `TaskSpec` that was recorded, and what became of it.

Written by the runner, performed by a Temporal activity or completed by a person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.task_spec import TaskKind, TaskRole, TaskSpec

NOT_WANTED = "not_wanted"
"""Outcome of a skipped task whose own `when` did not hold: others go on as if it were not there."""


class TaskStatus(StrEnum):
    """Where a task stands. `pending` waits for what it needs; `ready` can be done."""

    PENDING = "pending"
    READY = "ready"
    CLAIMED = "claimed"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SKIPPED = "skipped"
    COMPENSATED = "compensated"


FINAL = frozenset(
    {
        TaskStatus.COMPLETED,
        TaskStatus.FAILED,
        TaskStatus.CANCELLED,
        TaskStatus.EXPIRED,
        TaskStatus.SKIPPED,
        TaskStatus.COMPENSATED,
    }
)

_ENDS = FINAL - {TaskStatus.COMPENSATED}
_REOPENED = frozenset({TaskStatus.PENDING})

MOVES: Mapping[TaskStatus, frozenset[TaskStatus]] = {
    TaskStatus.PENDING: _ENDS | {TaskStatus.READY, TaskStatus.RUNNING},
    TaskStatus.READY: _ENDS | {TaskStatus.CLAIMED, TaskStatus.RUNNING},
    TaskStatus.CLAIMED: _ENDS | {TaskStatus.READY},
    TaskStatus.RUNNING: _ENDS,
    TaskStatus.COMPLETED: frozenset({TaskStatus.COMPENSATED}),
    TaskStatus.COMPENSATED: frozenset(),
    TaskStatus.FAILED: _REOPENED | {TaskStatus.SKIPPED},
    TaskStatus.CANCELLED: _REOPENED,
    TaskStatus.EXPIRED: _REOPENED | {TaskStatus.SKIPPED},
    TaskStatus.SKIPPED: _REOPENED,
}
"""What may follow what: forward, but for what is undone and what an operator opens or skips."""


@dataclass(frozen=True, slots=True)
class TaskClock:
    """What time does to a human task: counted from when it can be done.

    Attributes:
        due_at: when it should be done; `follow_up_at`: when somebody should look at it.
        wake_at: when the next reminder, hand-over or expiry is due; None: never again.
        step: how many of those were taken already.
    """

    due_at: datetime | None = None
    follow_up_at: datetime | None = None
    wake_at: datetime | None = None
    step: int = 0


TIMELESS = TaskClock()


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task about to be recorded: what was decided, plus what follows from the time.

    `outcome` is that of one that was recorded before and is over.
    """

    spec: TaskSpec
    status: TaskStatus
    clock: TaskClock = TIMELESS
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """How a task ended. `outputs` is JSON; `error` and its type are empty unless it failed."""

    status: TaskStatus
    outcome: str
    outputs: JsonValue = None
    error: str = ""
    comment: str = ""
    by: str = ""
    error_type: str = ""


@dataclass(frozen=True, slots=True)
class TaskInstance:
    """A recorded task.

    Attributes:
        assignee, groups: who may do it; `claimed_by`: who has it.
        revision: counts the changes that people and time made to it.
        late: its words are not rendered yet, see `TaskSpec`.
        undo: whether its template has a compensation.
        ready_at: since when it can be done; `finished_at`: when it became final.
        waits_until: how long the other side of an automated task may still answer by a callback.
        run_attempt: of its run, which the ids of announcements hold.
    """

    task_id: str
    run_id: str
    definition_id: str
    version: int
    rule: str
    spec_id: str
    item: int
    kind: TaskKind
    title: str
    status: TaskStatus
    inputs: dict[str, JsonValue]
    needs: Sequence[str] = ()
    assignee: str | None = None
    groups: Sequence[str] = ()
    clock: TaskClock = TIMELESS
    wait: bool = False
    role: TaskRole = TaskRole.TASK
    about: str | None = None
    late: bool = False
    undo: bool = False
    claimed_by: str | None = None
    revision: int = 0
    result: TaskResult | None = field(default=None)
    ready_at: datetime | None = None
    finished_at: datetime | None = None
    waits_until: datetime | None = None
    traceparent: str | None = None
    causation_depth: int = 0
    run_attempt: int = 1
