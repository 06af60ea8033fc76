"""Dead letters: what could not be processed, with its reason and its raw bytes.

`services.intake`, the router and the starter bury, `services.dead_letters` replays or discards,
one by one or a whole group with the same cause.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, Self

from activity_core.core import ids
from activity_core.core.decision import PendingEvent


class DeadLetterStatus(StrEnum):
    """Open until an operator replays or discards it."""

    OPEN = "open"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One of them. `dead_letter_id` is derived from where it came from, so burying twice is one.

    Attributes:
        via: `nats`, `kafka`, `rabbitmq`, `router` or `starter`.
        source_id: the event source that it came by; empty if it came by none.
        subject: where it was sent to: a subject, topic or routing key.
        code: the stable code of the error.
        run_id: of a run that could not be started; empty for all others.
        sent_at: when the broker got it; signed times are judged by it. None for all others.
        definition_id: whose filter failed on the event; empty for all others.
    """

    dead_letter_id: str
    via: str
    subject: str
    code: str
    message: str
    headers: Mapping[str, str]
    body: bytes
    buried_at: datetime
    source_id: str = ""
    run_id: str = ""
    sent_at: datetime | None = None
    definition_id: str = ""
    status: DeadLetterStatus = DeadLetterStatus.OPEN
    resolved_by: str = ""
    resolved_at: datetime | None = None

    @classmethod
    def of_event(cls, event: PendingEvent, code: str, message: str, at: datetime) -> Self:
        """An event of the inbox that cannot be routed.

        The id is that of the event at its place in the inbox: replayed, it gets another place, and
        failing there again is another dead letter.
        """
        return cls(
            dead_letter_id=ids.digest("inbox", event.key, str(event.position)).hex()[:32],
            via="router",
            subject=event.type,
            code=code,
            message=message,
            headers={"content-type": "application/cloudevents+json"},
            body=event.body,
            buried_at=at,
        )


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Some open dead letters by their cause; None takes any."""

    via: str | None = None
    code: str | None = None
    source_id: str | None = None


@dataclass(frozen=True, slots=True)
class LetterGroup:
    """Open dead letters with one cause; `example` is the newest of them."""

    via: str
    code: str
    source_id: str
    count: int
    oldest_at: datetime
    newest_at: datetime
    example_id: str
    example_message: str


class DeadLetters(Protocol):
    """Dead letters of one tenant."""

    async def bury(self, letter: DeadLetter) -> None:
        """Keep it; one that is there already stays as it is."""
        ...

    async def get(self, dead_letter_id: str) -> DeadLetter:
        """One of them, whole.

        Raises:
            NotFoundError: no such dead letter.
        """
        ...

    async def groups(self, chosen: LetterFilter) -> list[LetterGroup]:
        """Open ones by (via, code, source_id), the largest group first."""
        ...

    async def open_letters(
        self, chosen: LetterFilter, limit: int, *, after: str = ""
    ) -> list[DeadLetter]:
        """Open ones in the order of their ids, from the first id after `after` on."""
        ...

    async def resolve(
        self, dead_letter_id: str, status: DeadLetterStatus, by: str, at: datetime
    ) -> bool:
        """Close an open one; False if it was closed before, or never was."""
        ...

    async def depth(self) -> int:
        """How many are open."""
        ...
