"""Refusals: what was turned away at the door, so that its sender can be told why.

`services.refusal_log` writes, lists and `explain` read (`ports.reading`). Never with a body: what
is not trusted is not kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


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


class Refusals(Protocol):
    """Refusals of one tenant."""

    async def record(self, refusals: Sequence[Refusal]) -> None:
        """Append them, in one transaction; texts are cut to what a row can hold."""
        ...
