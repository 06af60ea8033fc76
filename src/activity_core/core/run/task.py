"""Tasks as rows: a `TaskSpec` that was recorded, and what became of it.

Written by the runner, performed by a Temporal activity or completed by a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.task_spec import TaskKind, TaskSpec


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


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task about to be recorded: what was decided, plus what follows from the time."""

    spec: TaskSpec
    status: TaskStatus
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TaskResult:
    """How a task ended. `outputs` is JSON; `error` is empty unless it failed."""

    status: TaskStatus
    outcome: str
    outputs: JsonValue = None
    error: str = ""
    comment: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class TaskInstance:
    """A recorded task."""

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
    due_at: datetime | None = None
    wait: bool = False
    result: TaskResult | None = field(default=None)
    traceparent: str | None = None
    causation_depth: int = 0
