"""What became of due slots, as rows, in the transaction that locked their cursors.

Runs go first, because decisions name them; after that nobody waits for an answer: the statements
travel with the commit. Locks are taken in the order cursors, displaced runs (by id), their tasks,
recovery pace, outbox.
"""

from collections.abc import Sequence
from datetime import datetime

from activity_core.adapters.postgres import settled_slots_queries as queries
from activity_core.adapters.postgres.decided_queries import FINAL
from activity_core.adapters.postgres.ending import end_runs
from activity_core.adapters.postgres.gap_document import gap_document
from activity_core.adapters.postgres.pool import Connection
from activity_core.adapters.postgres.storable import json_text, prose
from activity_core.core import ids
from activity_core.core.decision import Outcome
from activity_core.core.errors import UnavailableError
from activity_core.core.run.ending import DISPLACED
from activity_core.core.schedule import jitter
from activity_core.core.schedule.settlement import Displacement, SlotDecision, SlotRun
from activity_core.ports.run_queue import SignalKind
from activity_core.ports.slot_ledger import SettledSlots, SlotCursor

_WITH_RUN = frozenset(
    {
        Outcome.FIRED,
        Outcome.LATE,
        Outcome.CAUGHT_UP,
        Outcome.COMPRESSED,
        Outcome.DEDUPLICATED,
    }
)

Decided = tuple[SettledSlots, SlotDecision]
Fired = tuple[SettledSlots, SlotRun]


async def write_settled(
    conn: Connection,
    tenant: str,
    settled: Sequence[SettledSlots],
    at: datetime,
    recovery_rate: float,
) -> None:
    """See `OpenCursors.write`; two round trips before what goes with the commit.

    Raises:
        UnavailableError: a backfill made one of the runs meanwhile; settle anew.
    """
    writing = _Writing(conn, tenant, at)
    runs = await writing.undecided([(item, run) for item in settled for run in item.runs])
    if runs:
        await writing.make_runs(runs)
        await writing.queue(runs, recovery_rate)
    await writing.decisions([(item, one) for item in settled for one in item.decisions])
    for kind in Displacement:
        items = [item for item in settled if item.displaces is kind]
        told = {run_id: news for item in items for run_id, news in item.displaced.items()}
        await end_runs(conn, tenant, DISPLACED, SignalKind(kind), told, at=at)
    await writing.cursors(settled)


class _Writing:
    """Statements of one transaction of one tenant, at one instant."""

    def __init__(self, conn: Connection, tenant: str, at: datetime) -> None:
        self._conn = conn
        self._tenant = tenant
        self._at = at

    async def undecided(self, runs: Sequence[Fired]) -> Sequence[Fired]:
        """Without those whose slot has a final decision."""
        if not runs:
            return runs
        keys = [(item.definition_id, ids.occurrence_of_slot(run.slot)) for item, run in runs]
        values = {
            "tenant": self._tenant,
            "definitions": [definition_id for definition_id, _ in keys],
            "inputs": [key for _, key in keys],
            "times": [run.slot for _, run in runs],
        }
        found = await self._conn.execute(FINAL, values)
        final = {(row["definition_id"], row["input_key"]) async for row in found}
        return [fired for fired, key in zip(runs, keys, strict=True) if key not in final]

    async def make_runs(self, runs: Sequence[Fired]) -> None:
        values = {
            "tenant": self._tenant,
            "at": self._at,
            "runs": [self._run_id(item, run.slot) for item, run in runs],
            "definitions": [item.definition_id for item, _ in runs],
            "versions": [item.version_of(run.slot) for item, run in runs],
            "occurrences": [ids.occurrence_of_slot(run.slot) for _, run in runs],
            "slots": [run.slot for _, run in runs],
            "gaps": [json_text(gap_document(run.gap)) if run.gap else None for _, run in runs],
        }
        made = await self._conn.execute(queries.RUNS, values)
        if len(await made.fetchall()) != len(runs):
            raise UnavailableError("a slot got a run meanwhile", subject="slot ledger")

    async def queue(self, runs: Sequence[Fired], recovery_rate: float) -> None:
        """Ordinary runs wait for their jitter, recovery runs for their turn."""
        ordinary = [(item, run) for item, run in runs if not run.recovery]
        if ordinary:
            values: dict[str, object] = {
                "tenant": self._tenant,
                "runs": [self._run_id(item, run.slot) for item, run in ordinary],
                "starts": [_start(item, run.slot) for item, run in ordinary],
            }
            await self._conn.execute(queries.QUEUE, values)
        recovery = sorted(
            ((item, run) for item, run in runs if run.recovery), key=lambda pair: pair[1].slot
        )
        if recovery:
            values = {
                "tenant": self._tenant,
                "at": self._at,
                "runs": [self._run_id(item, run.slot) for item, run in recovery],
                "count": len(recovery),
                "seconds": 1 / recovery_rate,
            }
            await self._conn.execute(queries.QUEUE_RECOVERY, values)

    async def decisions(self, decided: Sequence[Decided]) -> None:
        if not decided:
            return
        values = {
            "tenant": self._tenant,
            "at": self._at,
            "inputs": [ids.occurrence_of_slot(one.slot) for _, one in decided],
            "slots": [one.slot for _, one in decided],
            "definitions": [item.definition_id for item, _ in decided],
            "versions": [item.version_of(one.run_for or one.slot) for item, one in decided],
            "outcomes": [one.outcome.value for _, one in decided],
            "reasons": [prose(one.reason) for _, one in decided],
            "runs": [self._named(item, one) for item, one in decided],
        }
        await self._conn.execute(queries.DECISIONS, values)

    async def cursors(self, settled: Sequence[SettledSlots]) -> None:
        """Where the definitions stand afterwards, and for people their latest slot."""
        gone = [item.definition_id for item in settled if item.cursor is None]
        left = [(item, item.cursor) for item in settled if item.cursor is not None]
        if gone:
            values: dict[str, object] = {"tenant": self._tenant, "definitions": gone}
            await self._conn.execute(queries.FORGET, values)
        if left:
            await self._conn.execute(queries.MOVE, self._moves(left))

    def _moves(self, left: Sequence[tuple[SettledSlots, SlotCursor]]) -> dict[str, object]:
        latest = [max(item.decisions, key=lambda one: one.slot, default=None) for item, _ in left]
        return {
            "tenant": self._tenant,
            "definitions": [cursor.definition_id for _, cursor in left],
            "plans": [cursor.plan for _, cursor in left],
            "covered": [cursor.covered_until for _, cursor in left],
            "slots": [cursor.next_slot for _, cursor in left],
            "wakes": [cursor.wake_at for _, cursor in left],
            "last": [one.slot if one else None for one in latest],
            "outcomes": [one.outcome.value if one else None for one in latest],
            "runs": [
                self._named(item, one) if one else None
                for (item, _), one in zip(left, latest, strict=True)
            ],
        }

    def _named(self, item: SettledSlots, decision: SlotDecision) -> str | None:
        if decision.outcome not in _WITH_RUN:
            return None
        return self._run_id(item, decision.run_for or decision.slot)

    def _run_id(self, item: SettledSlots, slot: datetime) -> str:
        return ids.run_id(self._tenant, item.definition_id, ids.occurrence_of_slot(slot))


def _start(item: SettledSlots, slot: datetime) -> datetime | None:
    if not item.jitter:
        return None
    return slot + jitter.delay(item.definition_id, slot, item.jitter)
