"""The rollout keeper: stops a rollout whose runs fail too often.

In: candidates that are rolled out, and how their runs ended. Out: a line of the registry's log that
says why nobody gets one any more. Runs that have it finish with it.
"""

import asyncio

import structlog

from activity_core.ports.clock import Clock
from activity_core.ports.registry import RegistryEntry, RegistryStore
from activity_core.ports.rollouts import Rollouts
from activity_core.services.loop import repeat
from activity_core.services.rollout_desk import stop_rollout

PERIOD = 5.0
"""Seconds between looks."""
ACTOR = "activity-core"

_log = structlog.get_logger(__name__)


class RolloutKeeper:
    """Rollouts of one tenant; several keepers do no harm to each other."""

    def __init__(self, store: RegistryStore, rollouts: Rollouts, clock: Clock) -> None:
        self._store = store
        self._rollouts = rollouts
        self._clock = clock
        self._revision = -1
        self._under_way: dict[str, RegistryEntry] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        await repeat("rollout_keeper", self.step, asyncio.sleep, period=PERIOD)

    async def step(self) -> bool:
        """Look at every rollout that goes on; there is nothing more to do until the next look."""
        await self._refresh()
        for id_, entry in self._under_way.items():
            rollout = entry.rollout
            if rollout is None:
                continue
            tally = await self._rollouts.tally(id_, rollout.version, rollout.since)
            why = rollout.verdict(tally.over, tally.failed)
            if why and await stop_rollout(self._store, self._clock, entry, actor=ACTOR, why=why):
                _log.warning("rollout_stopped", definition_id=id_, reason=why)
        return False

    async def _refresh(self) -> None:
        if await self._store.revision() == self._revision:
            return
        changes = await self._store.changed_since(self._revision)
        for id_, entry in changes.entries.items():
            if entry.rollout is not None and entry.rollout.goes_on:
                self._under_way[id_] = entry
            else:
                self._under_way.pop(id_, None)
        self._revision = changes.revision
