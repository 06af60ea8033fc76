"""Ingest: events at the door become rows of the inbox, durably, before anybody hears "accepted".

In: envelopes from the API and from `intake`. Out: rows of the inbox, and a ring at the router's
door. No routing happens here.
"""

from collections import Counter
from collections.abc import Sequence

from activity_core.core import ids
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.inbox import Acceptance, Arrival, Inbox
from activity_core.services.group_commit import GroupCommit
from activity_core.services.metrics import EVENTS_IN


class Ingest:
    """Accepts events for one tenant."""

    def __init__(self, inbox: Inbox, doorbell: Doorbell, clock: Clock, *, tenant: str) -> None:
        self._inbox = inbox
        self._doorbell = doorbell
        self._clock = clock
        self._tenant = tenant
        self._group: GroupCommit[Arrival, Acceptance] = GroupCommit(self._commit)

    async def accept(self, envelopes: Sequence[EventEnvelope], via: str) -> Sequence[Acceptance]:
        """One answer per envelope, in order, after the commit.

        Raises:
            UnavailableError: nothing is known to be stored; sending again is safe.
        """
        answers = await self._group.submit(
            [
                Arrival(envelope, ids.event_key(self._tenant, envelope.source, envelope.id), via)
                for envelope in envelopes
            ]
        )
        if Acceptance.ACCEPTED in answers:
            self._doorbell.ring(Topic.ROUTER)
        for answer, number in Counter(answers).items():
            EVENTS_IN.labels(via, answer).inc(number)
        return answers

    async def _commit(self, arrivals: Sequence[Arrival]) -> Sequence[Acceptance]:
        return await self._inbox.accept(arrivals, self._clock.now())
