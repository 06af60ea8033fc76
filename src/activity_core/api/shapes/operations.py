"""What operators look at: dead letters, what is stuck, health."""

from activity_core.api.shapes.base import Shape
from activity_core.ports.dead_letters import DeadLetterStatus


class DeadLetterItem(Shape):
    """What could not be processed, and why."""

    dead_letter_id: str
    via: str
    subject: str
    code: str
    message: str
    buried_at: str
    status: DeadLetterStatus
    resolved_by: str
    resolved_at: str | None


class DeadLetterDetail(DeadLetterItem):
    """With its bytes; `body` is null if they are not UTF-8."""

    headers: dict[str, str]
    body: str | None
    body_base64: str


class ResolvedLetter(Shape):
    """A dead letter that was closed; source and id are those of the event it became."""

    dead_letter_id: str
    status: DeadLetterStatus
    source: str | None
    id: str | None


class StuckItem(Shape):
    """An event that could not be published so far."""

    event_id: str
    key: str
    type: str
    attempts: int
    last_error: str
    retry_at: str


class Alive(Shape):
    """The process answers."""

    status: str


class Readiness(Shape):
    """`checks`: `ok` or what is wrong, by name of the part."""

    status: str
    checks: dict[str, str]
