"""StoredEvent: an event as it is kept, its text with its identity beside it.

Made of rows of the inbox, read by the router and the match index. Most definitions want to know a
few values of an event, most events are for none of them: so the envelope is built, and checked,
only when somebody needs it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TypedDict

import msgspec

from activity_core.core import ids
from activity_core.core.event.envelope import EventEnvelope, depth_in


class _Head(TypedDict, total=False):
    causationdepth: str | int | bool


_HEAD = msgspec.json.Decoder(_Head)
_HAS_DEPTH = b'"causationdepth":'


@dataclass(frozen=True)
class StoredEvent:
    """`body` is what `EventEnvelope.to_bytes` once made of it; the rest says the same as it."""

    source: str
    id: str
    type: str
    body: bytes

    @classmethod
    def of(cls, envelope: EventEnvelope, **place: Any) -> Self:
        """As it would be kept; `place` is what a subclass has besides."""
        body = envelope.to_bytes()
        return cls(source=envelope.source, id=envelope.id, type=envelope.type, body=body, **place)

    @cached_property
    def envelope(self) -> EventEnvelope:
        """The whole event.

        Raises:
            InvalidEventError: an older, laxer program accepted it.
        """
        return EventEnvelope.from_bytes(self.body)

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.body)

    @property
    def input_key(self) -> str:
        """What decisions call it, and the run if nobody asks for another name."""
        return ids.occurrence_of_event(self.source, self.id)

    @property
    def causation_depth(self) -> int:
        """That of the envelope.

        Raises:
            InvalidEventError: as of `envelope`, if the text is no JSON object.
        """
        if _HAS_DEPTH not in self.body:
            return 0
        try:
            return depth_in(_HEAD.decode(self.body))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self.envelope.causation_depth
