"""Task specs: work decided by `rules`, before it is a row (`task`)."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from activity_core.core.jsontext import JsonValue


class TaskKind(StrEnum):
    """Who does it, and how."""

    HTTP = "http"
    PYTHON = "python"
    EMIT = "emit"
    HUMAN = "human"


@dataclass(frozen=True, slots=True)
class TaskRetry:
    """Exponential back-off from `first_seconds` to `longest_seconds`, doubling."""

    max_attempts: int
    first_seconds: float
    longest_seconds: float


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One task, rendered.

    Attributes:
        item: index of the item of `for_each` that it is for; 0 without a loop.
        inputs: http {connection, method, url, headers, json}; python {plugin, args};
            emit {type, subject, data}; human {title, description, form}.
        needs: task ids that must be done before, all of the same run.
        wait: whether the run stays open until it is done (human tasks).
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
    retry: TaskRetry
    timeout: timedelta
    assignee: str | None = None
    groups: tuple[str, ...] = ()
    due_after: timedelta | None = None
    wait: bool = False
