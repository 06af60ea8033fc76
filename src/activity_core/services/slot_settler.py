"""The slot settler: decides about every slot that is due.

In: a tick, which says nothing but "look". Out: for each definition that is due, in one transaction,
one decision per slot, the runs that follow, and how far its slots are covered. Asked twice, or by
two workers at once, it decides once: cursors are locked, decided slots are covered.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from activity_core.core import ids
from activity_core.core.rollout import version_for
from activity_core.core.run.announcement import Announcement
from activity_core.core.run.ending import DISPLACED, told_of_end
from activity_core.core.schedule.plan import plan_of
from activity_core.core.schedule.settle import settle
from activity_core.core.schedule.settlement import ExpectedSlot, SlotPolicy, SlotRun, SlotState
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.slot_ledger import (
    OpenCursor,
    OpenCursors,
    SettledSlots,
    SlotCursor,
    SlotLedger,
)
from activity_core.services.due_slots import MOST_SLOTS, asked_for, following, slots_due
from activity_core.services.metrics import SLOTS
from activity_core.services.slot_history import SlotHistories, SlotHistory

BATCH = 500
"""Definitions that are settled in one transaction."""
SKEW = timedelta(seconds=5)
"""How far Temporal's clock may be ahead of ours and is still believed."""


class SlotSettler:
    """Settles the slots of one tenant."""

    def __init__(
        self,
        slots: SlotLedger,
        histories: SlotHistories,
        clock: Clock,
        doorbell: Doorbell,
        *,
        deployment: str,
    ) -> None:
        self._slots = slots
        self._histories = histories
        self._clock = clock
        self._doorbell = doorbell
        self._deployment = deployment
        # A herd's schedules tick one after the other: whoever comes during the work would read and
        # compile all that is due as well, and find nothing left of it.
        self._settling = asyncio.Lock()

    async def settle(self, nominal: datetime | None = None) -> int:
        """Settle all that is due; how many runs follow.

        `nominal` is the slot that Temporal ticked for: due even if our clock is a little behind.

        Raises:
            UnavailableError: the store cannot be reached; some definitions may be settled.
        """
        async with self._settling:
            return await self._settle(nominal)

    async def _settle(self, nominal: datetime | None) -> int:
        runs = 0
        while True:
            due = await self._slots.due(self._instant(nominal), BATCH)
            if not due:
                return runs
            # The time anew: after an outage of the store, that answer was long in coming.
            settled = await self._batch(due, self._instant(nominal))
            if not settled:  # others have them locked, and settle them
                return runs
            runs += sum(len(item.runs) for item in settled)
            _count(settled)
            self._doorbell.ring(Topic.STARTER)
            if any(item.displaced for item in settled):
                self._doorbell.ring(Topic.RELAY)

    def _instant(self, nominal: datetime | None) -> datetime:
        now = self._clock.now()
        return now if nominal is None else max(now, min(nominal, now + SKEW))

    async def _batch(self, due: Mapping[str, datetime], at: datetime) -> Sequence[SettledSlots]:
        histories = await self._histories.since(due)
        async with self._slots.open_due(list(due), at) as opened:
            expected = slots_due(opened.due, histories, at)
            taken = await opened.taken(asked_for(opened.due, expected))
            settled = [
                _settled(cursor, histories.get(id_), expected[id_], taken.get(id_, {}), at)
                for cursor in opened.due
                if (id_ := cursor.cursor.definition_id) in expected
            ]
            settled = await self._announced(opened, settled, at)
            await opened.write(settled, at)
        return settled

    async def _announced(
        self, opened: OpenCursors, settled: list[SettledSlots], at: datetime
    ) -> list[SettledSlots]:
        """With what is said about the open runs that some of them displace."""
        displacing = {item.definition_id for item in settled if item.displaces}
        runs = [
            run
            for each in opened.due
            if each.cursor.definition_id in displacing
            for run in each.open_runs
        ]
        if not runs:
            return settled
        told: defaultdict[str, dict[str, Sequence[Announcement]]] = defaultdict(dict)
        for work in await opened.open_work(runs):
            told[work.definition_id][work.run_id] = told_of_end(
                work, DISPLACED, deployment=self._deployment, at=at
            )
        return [replace(item, displaced=told[item.definition_id]) for item in settled]


def _settled(
    opened: OpenCursor,
    history: SlotHistory | None,
    slots: Sequence[ExpectedSlot],
    taken: Mapping[datetime, str],
    at: datetime,
) -> SettledSlots:
    definition_id = opened.cursor.definition_id
    if history is None:  # it was never published; nothing can be expected of it
        return SettledSlots(definition_id, 1, cursor=None)
    more = len(slots) == MOST_SLOTS
    covered = slots[-1].at if more else max(at, opened.cursor.covered_until)
    trigger = history.definition.trigger
    found = settle(
        slots,
        SlotPolicy(trigger.misfire, trigger.overlap, history.idle),
        SlotState(opened.open_runs, opened.held, taken),
        at,
        later=following(history, covered, at, trigger.misfire.most_runs) if more else 0,
    )
    return SettledSlots(
        definition_id,
        history.version,
        _cursor(opened.cursor, history, covered, more=more),
        found.decisions,
        found.runs,
        history.spec.jitter if history.spec else timedelta(),
        found.displaces,
        candidates=_candidates(history, found.runs),
    )


def _candidates(history: SlotHistory, runs: Sequence[SlotRun]) -> Mapping[datetime, int]:
    """Slots whose runs get the candidate of a rollout."""
    if history.rollout is None:
        return {}
    id_, stable = history.definition.id, history.version
    keys = {run.slot: ids.occurrence_of_slot(run.slot) for run in runs}
    drawn = {slot: version_for(history.rollout, id_, stable, key) for slot, key in keys.items()}
    return {slot: version for slot, version in drawn.items() if version != stable}


def _cursor(
    cursor: SlotCursor, history: SlotHistory, covered: datetime, *, more: bool
) -> SlotCursor | None:
    if more:  # still due: its next slot stays what it was
        return replace(cursor, covered_until=covered)
    if history.spec is None:
        return None
    plan = plan_of(history.spec, covered)
    return SlotCursor(cursor.definition_id, plan.fingerprint, covered, plan.next_slot, plan.wake_at)


def _count(settled: Sequence[SettledSlots]) -> None:
    for item in settled:
        for decision in item.decisions:
            SLOTS.labels(decision.outcome).inc()
