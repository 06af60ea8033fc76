"""The flow keeper: what was held goes on when its time has come, or when a run made room.

In: states that are due, and definitions that changed: what waits does so by the version in force.
Out, in one transaction: decisions, runs, and the states as they are then. It relies on the clock,
on which runs are over and on the registry's log, never on being told.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from activity_core.core.decision import Outcome
from activity_core.core.errors import RejectedError
from activity_core.core.flow.group import FlowKey
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.flow import FlowStore
from activity_core.services.flow import FlowControl
from activity_core.services.listeners import Listeners
from activity_core.services.loop import repeat
from activity_core.services.metrics import count_decisions

log = structlog.get_logger(__name__)

BATCH = 500
"""States that are woken in one transaction."""
PERIOD = 1.0
"""Seconds until it looks again without a ring: what a lost ring costs at most."""
SETTLING = timedelta(seconds=5)
"""So long a router may still decide by what was in force before a change."""
LONG_AGO = timedelta(days=1)
"""At its start it takes no notice of changes before that: most of those waits are over."""


class FlowKeeper:
    """Wakes the states of one tenant; several may run at once."""

    def __init__(
        self,
        store: FlowStore,
        listeners: Listeners,
        control: FlowControl,
        clock: Clock,
        doorbell: Doorbell,
    ) -> None:
        self._store = store
        self._listeners = listeners
        self._control = control
        self._clock = clock
        self._doorbell = doorbell
        self._revision = 0
        self._changed: set[str] = set()
        self._settled_at = clock.now()

    async def run(self) -> None:
        """Until cancelled: when something waits until then, at a ring, or once a second."""
        await repeat("flow", self.step, self._wait, period=PERIOD)

    async def step(self) -> bool:
        """Wake what is due; True if there may be more.

        Raises:
            UnavailableError: the store cannot be reached; nothing or some of it was woken.
        """
        await self._listeners.refresh()
        await self._follow(self._clock.now())
        due = await self._store.due(self._clock.now(), BATCH)
        if not due:
            return False
        try:
            await self._wake(due)
        except RejectedError:
            await self._one_by_one(due)
        return len(due) == BATCH

    async def _follow(self, now: datetime) -> None:
        """What waits for a definition that changed is due, and again once that has settled."""
        if self._listeners.revision != self._revision:
            changed = {
                id_
                for id_, entry in self._listeners.entries.items()
                if entry.revision > self._revision and (entry.changed_at or now) > now - LONG_AGO
            }
            await self._store.wake(changed, now)
            self._changed |= changed
            self._revision, self._settled_at = self._listeners.revision, now + SETTLING
        elif self._changed and now >= self._settled_at:
            await self._store.wake(self._changed, now)
            self._changed.clear()

    async def _wake(self, keys: Sequence[FlowKey]) -> None:
        async with self._store.open() as flow:
            decided, at = await self._control.decide(
                flow, self._listeners.entries, (), self._clock.now, woken=keys
            )
            counts = await flow.write(decided, at)
        count_decisions(counts)
        if counts.get(Outcome.FIRED):
            self._doorbell.ring(Topic.STARTER)

    async def _one_by_one(self, keys: Sequence[FlowKey]) -> None:
        """The store refused something: it must not keep the others waiting."""
        for key in keys:
            try:
                await self._wake([key])
            except RejectedError as error:
                log.error(  # noqa: TRY400 - the code says what, a trace says nothing more
                    "flow_refused",
                    definition_id=key.definition_id,
                    stage=key.stage,
                    code=error.code,
                    error=str(error),
                )

    async def _wait(self, period: float) -> None:
        next_wake = await self._store.next_wake()
        if next_wake is not None:
            left = (next_wake - self._clock.now()).total_seconds()
            period = min(period, max(left, 0.01))
        await self._doorbell.wait(Topic.FLOW, period)
