"""The router: what follows from an event, decided and committed before anything is started.

In: pending events of the inbox, the registry at its newest revision. Out, in one transaction: a
routing row per event, decisions, pending runs with their pinned version. It makes no remote call.
"""

from collections.abc import Mapping, Sequence

import structlog

from activity_core.core.decision import Outcome, PendingEvent, Routing
from activity_core.core.errors import InvalidEventError, RejectedError
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.inbox import Inbox, RoutingBatch
from activity_core.services.flow import FlowControl
from activity_core.services.listeners import Judged, Listeners
from activity_core.services.metrics import DEAD_LETTERS, count_decisions

log = structlog.get_logger(__name__)

BATCH = 200
MAX_CAUSATION_DEPTH = 16
"""An event that our own events caused so many times over is a loop."""


class Router:
    """Routes the inbox of one tenant; several may run at once."""

    def __init__(
        self,
        inbox: Inbox,
        listeners: Listeners,
        control: FlowControl,
        clock: Clock,
        doorbell: Doorbell,
    ) -> None:
        self._inbox = inbox
        self._listeners = listeners
        self._control = control
        self._clock = clock
        self._doorbell = doorbell

    async def step(self) -> bool:
        """Route one batch; True if there may be more."""
        return await self._route(BATCH, None)

    async def _route(self, limit: int, only: Sequence[int] | None) -> bool:
        taken: Sequence[PendingEvent] = ()
        alone = self._listeners.keeps_order
        try:
            async with self._inbox.take(limit, only=only, alone=alone) as batch:
                taken = batch.events
                if not taken:
                    return False
                await self._listeners.refresh()
                if self._listeners.keeps_order and not alone:
                    return True  # as somebody wants since a moment ago: nothing is taken, again
                counts = await self._decide(batch)
        except RejectedError as error:
            await self._halve(taken, error)
            return True
        self._tell(counts)
        return len(taken) == limit

    async def _decide(self, batch: RoutingBatch) -> Mapping[str, int]:
        at = self._clock.now()
        judged: list[tuple[PendingEvent, Judged]] = []
        for event in batch.events:
            try:
                if event.causation_depth <= MAX_CAUSATION_DEPTH:
                    judged.append((event, self._listeners.judged(event, at)))
                    continue
                code, message = _loop(event)
            except InvalidEventError as error:  # an older, laxer program accepted it
                code, message = error.code, error.message
            await batch.bury(event, code, message, at)
            DEAD_LETTERS.labels("router", code).inc()
        decided, at = await self._control.decide(
            batch.flow, self._listeners.entries, [each for _, each in judged], self._clock.now
        )
        routings = [
            Routing(event, self._listeners.revision, each.listened, each.filtered)
            for event, each in judged
        ]
        return await batch.record(routings, decided, at)

    def _tell(self, counts: Mapping[str, int]) -> None:
        count_decisions(counts)
        if counts.get(Outcome.FIRED):
            self._doorbell.ring(Topic.STARTER)
        if counts.get(Outcome.HELD):
            self._doorbell.ring(Topic.FLOW)

    async def _halve(self, taken: Sequence[PendingEvent], error: RejectedError) -> None:
        """The database refused a batch: find the event it is about, bury it, route the rest."""
        positions = [event.position for event in taken]
        if len(positions) == 1:
            log.warning("event_buried", event_id=taken[0].id, code=error.code)
            async with self._inbox.take(1, only=positions) as batch:
                for event in batch.events:
                    await batch.bury(event, error.code, str(error), self._clock.now())
                    DEAD_LETTERS.labels("router", error.code).inc()
            return
        middle = len(positions) // 2
        for half in (positions[:middle], positions[middle:]):
            await self._route(len(half), half)


def _loop(event: PendingEvent) -> tuple[str, str]:
    message = (
        f"{event.causation_depth} events of our own led to this one, over the limit of "
        f"{MAX_CAUSATION_DEPTH}: a definition probably triggers itself"
    )
    return "causation_too_deep", message
