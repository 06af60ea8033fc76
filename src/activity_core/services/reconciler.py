"""The reconciler: makes the schedules on Temporal equal to what the registry says.

In: the registry as it is, the schedules as they are; nothing else, so it does not matter what
was changed while it was down, or by whom. A ring makes it look sooner, a timer makes it right.
"""

from dataclasses import dataclass

import structlog

from activity_core.core.schedule import schedule_of
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.registry import RegistrySnapshot, RegistryStore
from activity_core.ports.scheduler import ExistingSchedule, Scheduler, WantedSchedule
from activity_core.services.loop import serve

PERIOD = 30.0
"""Seconds between looks without a ring."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Ids of the definitions whose schedules were changed, in order."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()
    resumed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()


class Reconciler:
    """The schedules of one tenant; several reconcilers do no harm to each other."""

    def __init__(self, registry: RegistryStore, scheduler: Scheduler) -> None:
        self._registry = registry
        self._scheduler = scheduler

    async def run(self, doorbell: Doorbell) -> None:
        """Reconcile until cancelled."""
        await serve("reconciler", self._step, doorbell, Topic.RECONCILER, period=PERIOD)

    async def reconcile(self) -> Reconciliation:
        """Compare and change what differs; doing it again changes nothing.

        Raises:
            UnavailableError: some changes may be made; the next time makes the others.
        """
        wanted = wanted_schedules(await self._registry.snapshot())
        existing = dict(await self._scheduler.existing())
        done: dict[str, list[str]] = {}
        for definition_id, schedule in wanted.items():
            change = _change(schedule, existing.pop(definition_id, None))
            if change:
                await self._scheduler.put(schedule)
                done.setdefault(change, []).append(definition_id)
        for definition_id in sorted(existing):
            await self._scheduler.delete(definition_id)
            done.setdefault("deleted", []).append(definition_id)
        return Reconciliation(**{change: tuple(found) for change, found in done.items()})

    async def _step(self) -> bool:
        changes = await self.reconcile()
        if changes != Reconciliation():
            _log.info("schedules_changed", changes=changes)
        return False


def wanted_schedules(snapshot: RegistrySnapshot) -> dict[str, WantedSchedule]:
    """By definition id, in order; paused ones stay so that nothing is lost but the slots."""
    wanted = {}
    for definition_id, entry in sorted(snapshot.entries.items()):
        spec = None if entry.retired else schedule_of(entry.definition)
        if spec is not None:
            wanted[definition_id] = WantedSchedule(definition_id, spec, paused=not entry.fires)
    return wanted


def _change(wanted: WantedSchedule, existing: ExistingSchedule | None) -> str | None:
    if existing is None:
        return "created"
    if existing.fingerprint != wanted.spec.fingerprint:
        return "updated"
    if existing.paused != wanted.paused:
        return "paused" if wanted.paused else "resumed"
    return None
