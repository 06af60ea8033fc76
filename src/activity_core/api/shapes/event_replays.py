"""Event replays as the API shows them."""

from activity_core.api.shapes.base import Shape
from activity_core.ports.event_replays import EventReplayStatus


class EventReplayItem(Shape):
    """How far a replay is: everything received up to `reached` is judged.

    `looked_at` events of its types, of which `existing` had a run, or waited for one, and were left
    alone, and `matched` wanted one. `fired` runs were made at once; what is held may make more.
    """

    replay_id: str
    definition_id: str
    since: str
    until: str
    rate: float
    actor: str
    reason: str
    status: EventReplayStatus
    looked_at: int
    existing: int
    matched: int
    fired: int
    reached: str
    requested_at: str
    finished_at: str | None


class EventReplayPreview(Shape):
    """What a replay would find; `reached`: only up to there was looked, null if to the end."""

    definition_id: str
    looked_at: int
    existing: int
    matched: int
    reached: str | None
