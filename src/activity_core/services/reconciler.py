"""The reconciler: plans cursors of slots, and makes Temporal's schedules what they should be.

In: the registry as it is, cursors and schedules as they are; nothing else, so it does not matter
what was changed while it was down, or by whom. A ring makes it look sooner, a timer makes it right.
Schedules that somebody else changed are drift: reported, and made right if so configured.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import structlog

from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.registry import RegistryStore
from activity_core.ports.scheduler import Scheduler, WantedSchedule
from activity_core.ports.slot_ledger import SlotLedger
from activity_core.services.cursor_plans import missing_plans
from activity_core.services.known_schedules import Difference, KnownSchedules
from activity_core.services.loop import serve
from activity_core.services.metrics import SCHEDULE_DRIFT
from activity_core.services.timetable import Timetable, TimetableEntry, wanted_schedules

PERIOD = 30.0
"""Seconds between looks without a ring."""
CHUNK = 500
"""Cursors that are written at once."""

_DRIFT = {
    Difference.CREATED: "deleted",
    Difference.UPDATED: "changed",
    Difference.PAUSED: "resumed",
    Difference.RESUMED: "paused",
    Difference.DELETED: "orphan",
}
"""What somebody did, by what undoes it."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Schedules by what was done to them; ids, in order.

    Attributes:
        drifted: schedules that somebody changed; if they were made right, what undid it is above.
        planned: definitions whose cursors were planned.
    """

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()
    resumed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    drifted: tuple[str, ...] = ()
    planned: tuple[str, ...] = ()


class Reconciler:
    """The schedules of one tenant; several reconcilers do no harm to each other.

    What changed while no reconciler ran cannot be told from a change of the registry: it is made
    right at the first look, whatever is configured.
    """

    def __init__(
        self,
        registry: RegistryStore,
        slots: SlotLedger,
        scheduler: Scheduler,
        clock: Clock,
        *,
        repair: bool,
    ) -> None:
        """`repair`: undo drift instead of only reporting it."""
        self._timetable = Timetable(registry)
        self._slots = slots
        self._schedules = KnownSchedules(scheduler)
        self._clock = clock
        self._repair = repair

    async def run(self, doorbell: Doorbell) -> None:
        """Reconcile until cancelled."""
        await serve("reconciler", self._step, doorbell, Topic.RECONCILER, period=PERIOD)

    async def reconcile(self) -> Reconciliation:
        """Compare and change what differs; doing it again changes nothing.

        Raises:
            UnavailableError: some changes may be made; the next time makes the others.
        """
        # Schedules first: whatever another reconciler made of the registry, this one then knows.
        found = await self._schedules.look()
        entries = await self._timetable.newest()
        planned, lasting = await self._plan(entries)
        wanted = wanted_schedules(lasting)
        drift = self._schedules.learn(found, wanted, leave=not self._repair)
        for schedule_id, undo in drift.items():
            SCHEDULE_DRIFT.labels(_DRIFT[undo]).inc()
            _log.warning(
                "schedule_drift", schedule=schedule_id, kind=_DRIFT[undo], repair=self._repair
            )
        done = await self._make(wanted)
        return Reconciliation(**done, drifted=tuple(sorted(drift)), planned=planned)

    async def _plan(
        self, entries: Mapping[str, TimetableEntry]
    ) -> tuple[tuple[str, ...], list[TimetableEntry]]:
        """Plan cursors; returns the definitions planned, and the entries with slots to come.

        A schedule without slots to come is no use, and Temporal forgets it by itself.
        """
        cursors = await self._slots.cursors()
        plans = list(missing_plans(entries, cursors, self._clock.now()))
        for start in range(0, len(plans), CHUNK):
            await self._slots.plan(plans[start : start + CHUNK])
        coming = {id_: cursor.next_slot for id_, cursor in cursors.items()}
        for plan in plans:
            coming[plan.definition_id] = plan.next_slot or coming.get(plan.definition_id)
        lasting = [found for id_, found in entries.items() if coming[id_]]
        return tuple(sorted(plan.definition_id for plan in plans)), lasting

    async def _make(self, wanted: Mapping[str, WantedSchedule]) -> dict[str, tuple[str, ...]]:
        """What ticks more before what ticks less: in between a tick too many does no harm."""
        differences = self._schedules.differences(wanted)
        done = {
            change.value: tuple(id_ for id_, found in differences.items() if found is change)
            for change in Difference
        }
        await self._schedules.put(wanted[id_] for id_ in differences if id_ in wanted)
        await self._schedules.delete(done[Difference.DELETED])
        return done

    async def _step(self) -> bool:
        changes = await self.reconcile()
        if changes != Reconciliation():
            _log.info(
                "reconciled", **{kind: len(ids) for kind, ids in asdict(changes).items() if ids}
            )
        return False
