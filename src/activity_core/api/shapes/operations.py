"""What operators look at, and what others are answered: what is stuck, health, callbacks."""

from activity_core.api.shapes.base import Shape


class StuckItem(Shape):
    """An event that could not be published so far."""

    event_id: str
    key: str
    type: str
    attempts: int
    last_error: str
    retry_at: str


class TaskEnd(Shape):
    """How a task ended, for whoever told it."""

    task_id: str
    status: str


class Alive(Shape):
    """The process answers."""

    status: str


class Readiness(Shape):
    """`checks`: `ok` or what is wrong, by name of the part; `warnings` stop nothing."""

    status: str
    checks: dict[str, str]
    warnings: dict[str, str]
