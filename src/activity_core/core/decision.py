"""Decisions: what became of one occurrence for one definition, and why.

Made by `services.router` and `services.flow_keeper` (events), `services.slot_settler` (slots),
`services.manual_trigger` (requests) and the two kinds of replays; kept in the decision ledger for
the retention, and read by `explain`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from activity_core.core.event.stored_event import StoredEvent


class Outcome(StrEnum):
    """All that can become of an occurrence. Only `held` is not final."""

    FIRED = "fired"
    DEDUPLICATED = "deduplicated"
    MERGED = "merged"
    THROTTLED = "throttled"
    DROPPED = "dropped"
    LATE = "late"
    CAUGHT_UP = "caught_up"
    COMPRESSED = "compressed"
    SKIPPED = "skipped"
    UNAUTHORISED = "unauthorised"
    FAILED = "failed"
    FILTERED = "filtered"
    HELD = "held"


@dataclass(frozen=True)
class PendingEvent(StoredEvent):
    """An accepted event that is not routed yet.

    `position` orders the inbox (it is not a commit order); `key` identifies the event.
    """

    position: int
    key: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Routing:
    """One event's way through the registry, at one revision of it.

    `listened` counts every definition whose type pattern took the event; `filtered` of them left
    no decision row (they can be recomputed from the revision), all others have a decision.
    """

    event: PendingEvent
    revision: int
    listened: int
    filtered: int
