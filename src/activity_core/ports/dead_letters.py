"""Dead letters: what could not be processed, with its reason and its raw bytes.

`services.intake` and the router bury, `services.dead_letters` replays or discards.
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

    `via` is `nats`, `http` or `router`; `code` is the stable code of the error.
    """

    dead_letter_id: str
    via: str
    subject: str
    code: str
    message: str
    headers: Mapping[str, str]
    body: bytes
    buried_at: datetime
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
            subject=event.envelope.type,
            code=code,
            message=message,
            headers={"content-type": "application/cloudevents+json"},
            body=event.envelope.to_bytes(),
            buried_at=at,
        )


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

    async def resolve(
        self, dead_letter_id: str, status: DeadLetterStatus, by: str, at: datetime
    ) -> bool:
        """Close an open one; False if it was closed before, or never was."""
        ...

    async def depth(self) -> int:
        """How many are open."""
        ...
