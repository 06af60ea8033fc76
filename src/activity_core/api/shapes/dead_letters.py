"""Dead letters as the API shows them."""

from activity_core.api.shapes.base import Shape
from activity_core.ports.dead_letters import DeadLetterStatus


class DeadLetterItem(Shape):
    """What could not be processed, and why.

    `run_id` of a run that could not be started, `definition_id` of whose filter failed.
    """

    dead_letter_id: str
    via: str
    source_id: str
    run_id: str
    definition_id: str
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


class LetterGroupItem(Shape):
    """Open dead letters with one cause; `example_id` is the newest of them."""

    via: str
    code: str
    source_id: str
    count: int
    oldest_at: str
    newest_at: str
    example_id: str
    example_message: str


class LetterGroups(Shape):
    """The largest group first."""

    items: list[LetterGroupItem]


class EventName(Shape):
    """What identifies an event."""

    source: str
    id: str


class LetterError(Shape):
    """Why a letter stays open."""

    code: str
    detail: str


class LetterOutcome(Shape):
    """What became of one letter: `replayed`, `discarded`, or `open` with the error.

    With `dry_run`, what would become of it.
    """

    dead_letter_id: str
    status: DeadLetterStatus
    events: list[EventName]
    run_id: str
    error: LetterError | None


class LetterOutcomes(Shape):
    """What became of a group; `after` is where to go on, empty when that was all."""

    items: list[LetterOutcome]
    after: str
    dry_run: bool
