"""What became of due slots, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from operator import itemgetter

from activity_core.adapters.memory.decisions import decide, enqueue, new_run
from activity_core.adapters.memory.ending import end_runs
from activity_core.adapters.memory.rows import DecisionRow, RunRow
from activity_core.adapters.memory.state import State, Tables
from activity_core.core import ids
from activity_core.core.decision import Outcome
from activity_core.core.errors import UnavailableError
from activity_core.core.rules.occurrence import Occurrence, TriggerKind
from activity_core.core.run.ending import DISPLACED
from activity_core.core.schedule import jitter
from activity_core.core.schedule.settlement import SlotDecision, SlotRun
from activity_core.ports.run_queue import SignalKind
from activity_core.ports.slot_ledger import SettledSlots

_WITHOUT_RUN = frozenset({Outcome.SKIPPED, Outcome.FAILED, Outcome.HELD})


def write_settled(
    state: State, tables: Tables, settled: Sequence[SettledSlots], at: datetime, rate: float
) -> None:
    """See `OpenCursors.write`.

    Raises:
        UnavailableError: a backfill made one of the runs meanwhile; settle anew.
    """
    recovery: list[tuple[datetime, RunRow]] = []
    for item in settled:
        for each in item.runs:
            run = _new_run(state, tables, item, each, at)
            if run is not None and each.recovery:
                recovery.append((each.slot, run))
            elif run is not None:
                enqueue(state, tables, run, start_at=_start(item, each.slot))
        for decision in item.decisions:
            decide(tables, _row(state, item, decision, at))
        if item.displaces is not None:
            kind = SignalKind(item.displaces)
            end_runs(state, tables, DISPLACED, kind, item.displaced, at=at)
        _move(tables, item)
    turn = timedelta(seconds=1 / rate)
    rows = tables.pending_runs.values()
    waiting = sum(row.start_at is not None and row.start_at > at for row in rows)
    furthest = at + (waiting + 1) * turn  # a clock that was ahead keeps nobody waiting
    start = min(max(tables.recovery_pace.get(state.tenant, at), at), furthest)
    for _, run in sorted(recovery, key=itemgetter(0)):
        enqueue(state, tables, run, start_at=start)
        start += turn
    if recovery:
        tables.recovery_pace[state.tenant] = start


def _new_run(
    state: State, tables: Tables, item: SettledSlots, each: SlotRun, at: datetime
) -> RunRow | None:
    key = ids.occurrence_of_slot(each.slot)
    before = tables.decisions.get((item.definition_id, key))
    if before is not None and before.outcome is not Outcome.HELD:
        return None
    occurrence = Occurrence(key, TriggerKind.SCHEDULE, scheduled_for=each.slot, gap=each.gap)
    run = new_run(state, item.definition_id, item.version_of(each.slot), occurrence, at=at)
    if run.run_id in tables.runs:
        raise UnavailableError("a slot got a run meanwhile", subject="slot ledger")
    return run


def _start(item: SettledSlots, slot: datetime) -> datetime | None:
    if not item.jitter:
        return None
    return slot + jitter.delay(item.definition_id, slot, item.jitter)


def _row(state: State, item: SettledSlots, decision: SlotDecision, at: datetime) -> DecisionRow:
    key = ids.occurrence_of_slot(decision.slot)
    run_for = ids.occurrence_of_slot(decision.run_for or decision.slot)
    run_id = ids.run_id(state.tenant, item.definition_id, run_for)
    return DecisionRow(
        definition_id=item.definition_id,
        input_key=key,
        version=item.version_of(decision.run_for or decision.slot),
        outcome=decision.outcome,
        reason=decision.reason,
        occurrence_key=key,
        decided_at=at,
        run_id=None if decision.outcome in _WITHOUT_RUN else run_id,
    )


def _move(tables: Tables, item: SettledSlots) -> None:
    if item.cursor is None:
        del tables.slot_cursors[item.definition_id]
        return
    row = tables.slot_cursors[item.definition_id]
    covered = max(row.cursor.covered_until, item.cursor.covered_until)
    cursor = replace(item.cursor, covered_until=covered)
    tables.slot_cursors[item.definition_id] = replace(row, cursor=cursor)
