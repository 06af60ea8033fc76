"""The review of recorded events, as the API (dead letters, dry runs) and the auditor ask for it."""

from activity_core.bootstrap.system import System
from activity_core.services.event_review import EventReview
from activity_core.services.listeners import Listeners


def event_review(system: System) -> EventReview:
    """One with a view of its own on the registry."""
    return EventReview(
        system.stores.event_replays,
        Listeners(system.stores.registry),
        system.flow_control(),
        system.clock,
        system.doorbell,
    )
