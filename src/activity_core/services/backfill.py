"""Backfills: somebody wants past slots of a definition to be run.

In: a range of time from the API. Out: the backfill with its slots, by the schedule in force now;
then, step by step, pending runs for the starter, so many at a time. A slot that has a run is left
alone, so asking twice runs nothing twice.
"""

import asyncio

from activity_core.core import ids
from activity_core.core.errors import BadInputError, ConflictError, NotFoundError
from activity_core.ports.backfills import BackfillProgress, BackfillRequest, Backfills
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.registry import RegistryStore
from activity_core.services.backfill_range import (
    BackfillPlan,
    BackfillRange,
    check_range,
    schedule_to_backfill,
    slots_in,
)
from activity_core.services.loop import repeat
from activity_core.services.registry import entry_of

PERIOD = 1.0
"""Seconds between looks for runs that ended, so that others may begin."""

MOST_UNCONFIRMED = 1_000
"""Slots to run that one request may ask for without saying that it means it."""

MOST_CONCURRENT = 100


class Backfiller:
    """Backfills of one tenant; several may release at once and do no harm to each other."""

    def __init__(
        self, registry: RegistryStore, backfills: Backfills, clock: Clock, doorbell: Doorbell
    ) -> None:
        self._registry = registry
        self._backfills = backfills
        self._clock = clock
        self._doorbell = doorbell
        self._revision = -1
        self._versions: dict[str, int | None] = {}

    async def plan(self, wanted: BackfillRange) -> BackfillPlan:
        """What a request would do now. Days without runs have no slots.

        Raises:
            NotFoundError: no such definition.
            ConflictError: nothing of it may run now, or it has no schedule.
            BadInputError: the range is none, or has too many slots.
        """
        check_range(wanted, self._clock.now())
        snapshot = await self._registry.snapshot()
        entry = entry_of(snapshot.entries, wanted.definition_id)
        spec = schedule_to_backfill(entry, snapshot.calendars)
        # A thread: thousands of slots take a while; events go on meanwhile.
        slots = await asyncio.to_thread(slots_in, wanted, spec)
        return BackfillPlan(slots, await self._backfills.existing(wanted.definition_id, slots))

    async def request(
        self,
        backfill_id: str,
        wanted: BackfillRange,
        *,
        max_concurrent: int,
        actor: str,
        reason: str,
        confirmed: bool,
    ) -> BackfillProgress:
        """Keep it, to be released by and by; the same id again finds the same backfill.

        Raises:
            NotFoundError, ConflictError, BadInputError: see `plan`; also a bad or taken id, a bad
                `max_concurrent`, or many slots that were not `confirmed`.
        """
        if not ids.REQUEST_ID.fullmatch(backfill_id):
            raise BadInputError(
                f"{backfill_id!r} is no request id",
                hint="use 1-64 letters, digits, '.', '_' or '-'",
            )
        if not 1 <= max_concurrent <= MOST_CONCURRENT:
            raise BadInputError(f"max_concurrent: must be from 1 to {MOST_CONCURRENT}")
        if found := await self._requested_before(backfill_id, wanted):
            return found
        plan = await self.plan(wanted)
        if len(plan.to_run) > MOST_UNCONFIRMED and not confirmed:
            raise BadInputError(
                f"{len(plan.to_run):,} slots are to be run, more than {MOST_UNCONFIRMED:,}",
                subject=wanted.subject,
                hint="narrow the range, or confirm it: --yes, over HTTP `confirm: true`",
            )
        request = BackfillRequest(
            backfill_id=backfill_id,
            definition_id=wanted.definition_id,
            first=wanted.first,
            last=wanted.last,
            order=wanted.order,
            max_concurrent=max_concurrent,
            actor=actor,
            reason=reason,
            slots=plan.slots,
        )
        await self._backfills.request(request, self._clock.now())
        return await self._backfills.progress(backfill_id)

    async def stop(self, backfill_id: str) -> BackfillProgress:
        """Let it make no further runs; those that are open go on.

        Raises:
            NotFoundError: no such backfill.
        """
        await self._backfills.stop(backfill_id, self._clock.now())
        return await self._backfills.progress(backfill_id)

    async def run(self) -> None:
        """Release until cancelled."""
        await repeat("backfiller", self.step, asyncio.sleep, period=PERIOD)

    async def step(self) -> bool:
        """Make the runs whose turn it is. Never more at once: others must end first."""
        if not await self._backfills.running():
            return False
        revision = await self._registry.revision()
        if revision != self._revision:
            newest = await self._registry.changed_since(self._revision)
            for id_, entry in newest.entries.items():
                self._versions[id_] = entry.version if entry.fires else None
            self._revision = newest.revision
        if await self._backfills.release(self._clock.now(), self._versions.get):
            self._doorbell.ring(Topic.STARTER)
        return False

    async def _requested_before(
        self, backfill_id: str, wanted: BackfillRange
    ) -> BackfillProgress | None:
        try:
            found = await self._backfills.progress(backfill_id)
        except NotFoundError:
            return None
        if BackfillRange(found.definition_id, found.first, found.last, found.order) != wanted:
            raise ConflictError(
                "that id was used for another range",
                subject=f"backfill {backfill_id}",
                hint="choose a new request id",
            )
        return found
