"""The slot auditor: what no tick settled in time, and what nobody can explain.

In: the slot ledger. It decides nothing: what is overdue it has a worker settle by a tick of its
own, started through Temporal, so nothing is decided while runs cannot be carried out. And it
counts again, from the registry's log, which slots there should have been: each must be on record.
"""

import asyncio
from datetime import datetime, timedelta

import structlog

from activity_core.core.schedule.expected import expected_slots
from activity_core.core.schedule.settlement import UNEXPLAINED
from activity_core.ports.clock import Clock
from activity_core.ports.engine import Engine
from activity_core.ports.slot_ledger import AuditRange, SlotLedger
from activity_core.services.loop import repeat
from activity_core.services.metrics import OVERDUE_TICKS, UNEXPLAINED_SLOTS
from activity_core.services.slot_history import SlotHistories

LOOK_PERIOD = 1.0
"""Seconds between looks for overdue slots: how much later they start at most."""
AUDIT_PERIOD = 60.0
SETTLING = timedelta(seconds=60)
"""Slots are audited when they are this old, so that nobody is still at them."""
BATCH = 200
LONGEST_RANGE = timedelta(hours=6)
"""Of one definition at once: with a slot a second, 21,600 slots."""

_log = structlog.get_logger(__name__)


class SlotAuditor:
    """The slots of one tenant; several auditors do no harm to each other."""

    def __init__(
        self, slots: SlotLedger, histories: SlotHistories, engine: Engine, clock: Clock
    ) -> None:
        self._slots = slots
        self._histories = histories
        self._engine = engine
        self._clock = clock

    async def run(self) -> None:
        """Look and audit until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(repeat("slot_look", self.look, asyncio.sleep, period=LOOK_PERIOD))
            group.create_task(repeat("slot_audit", self.audit, asyncio.sleep, period=AUDIT_PERIOD))

    async def look(self) -> bool:
        """Have overdue slots settled; never True: the tick needs a moment.

        Raises:
            UnavailableError: Temporal is away; the slots stay undecided until it is back.
        """
        if await self._slots.overdue(self._clock.now()):
            await self._engine.tick()
            OVERDUE_TICKS.inc()
        return False

    async def audit(self) -> bool:
        """Compare expected slots with the ledger's; True if there may be more to compare."""
        before = self._clock.now() - SETTLING
        ranges = [_bounded(found) for found in await self._slots.unaudited(BATCH, before=before)]
        histories = await self._histories.since({part.definition_id: part.after for part in ranges})
        for part in ranges:
            history = histories.get(part.definition_id)
            if history is None:
                continue
            decided = await self._slots.decided(part.definition_id, part.after, part.until)
            missing = [
                slot.at
                for slot in expected_slots(history.reigns, part.after, part.until)
                if slot.at not in decided
            ]
            if missing:
                await self._raise_alarm(part.definition_id, history.version, missing)
        await self._slots.mark_audited(ranges)
        return len(ranges) == BATCH

    async def _raise_alarm(self, definition_id: str, version: int, missing: list[datetime]) -> None:
        _log.error(
            "slots_unexplained",
            definition_id=definition_id,
            slots=len(missing),
            first=missing[0].isoformat(),
            last=missing[-1].isoformat(),
        )
        UNEXPLAINED_SLOTS.inc(len(missing))
        await self._slots.write_unexplained(
            definition_id,
            version,
            missing,
            UNEXPLAINED,
            self._clock.now(),
        )


def _bounded(found: AuditRange) -> AuditRange:
    until = min(found.until, found.after + LONGEST_RANGE)
    return AuditRange(found.definition_id, found.after, until)
