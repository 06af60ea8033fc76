"""Refusals: what was turned away at the door, so that its sender can be told why.

`services.refusal_log` writes, lists and `explain` read (`ports.reading`). Never with a body: what
is not trusted is not kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Protocol, Self

MOST_CHARACTERS = 500
"""Of each text that is kept."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One of them.

    Attributes:
        via: `http` (the API), `webhook`, or the broker (`nats`, `kafka`, `rabbitmq`).
        sender: the name of an API key, the id of a source, or a subject.
        event_source: CloudEvents' `source`, with `event_id` and `event_type` as far as they are
            known; empty where they are not, or where trust failed.
        code: of the error.
        dead_letter_id: where the message is kept; empty over HTTP, whose sender still has it.
    """

    refused_at: datetime
    via: str
    sender: str
    code: str
    message: str
    event_source: str = ""
    event_id: str = ""
    event_type: str = ""
    dead_letter_id: str = ""

    def kept(self) -> Self:
        """It with every text cut to what is kept of it."""
        texts: dict[str, Any] = {
            each.name: cut(getattr(self, each.name)) for each in fields(self) if each.type is str
        }
        return replace(self, **texts)


class Refusals(Protocol):
    """Refusals of one tenant. Housekeeping forgets old ones."""

    async def record(self, refusals: Sequence[Refusal]) -> None:
        """Append them as they are `kept`, in one transaction.

        Raises:
            RejectedError: one has no `via` or no `code`; none is kept.
        """
        ...


def cut(text: str) -> str:
    """The beginning of a stranger's text, without what no row can hold."""
    return text[:MOST_CHARACTERS].replace("\0", "\ufffd").encode(errors="replace").decode()
