"""Decisions and the runs that follow from them: shared by the inbox, the queue and the ledger."""

from datetime import datetime

from activity_core.adapters.memory.case_rows import BellRow, CaseRunRow
from activity_core.adapters.memory.rows import DecisionRow, RunRow, WaitingRow
from activity_core.adapters.memory.state import State, Tables
from activity_core.core import ids
from activity_core.core.decision import Outcome
from activity_core.core.errors import RejectedError
from activity_core.core.rules.occurrence import Occurrence


def new_run(
    state: State,
    definition_id: str,
    version: int,
    occurrence: Occurrence,
    *,
    at: datetime,
    events: tuple[bytes, ...] = (),
) -> RunRow:
    """A pending run, not stored yet."""
    run_id = ids.run_id(state.tenant, definition_id, occurrence.key)
    return RunRow(run_id, definition_id, version, occurrence, at, at, events)


def enqueue(state: State, tables: Tables, run: RunRow, *, start_at: datetime | None = None) -> None:
    """Store a run and put it into the queue of the starter, perhaps not to start before then."""
    tables.runs[run.run_id] = run
    tables.pending_runs[state.next_position()] = WaitingRow(run.run_id, start_at)


def queue_for_case(state: State, tables: Tables, run: RunRow, key: str) -> None:
    """Store a run, put it into the queue of its case's key, and leave a doorbell."""
    tables.runs[run.run_id] = run
    of_case = run.definition_id, key
    tables.case_runs[state.next_position()] = CaseRunRow(of_case, run.run_id)
    tables.case_bells[state.next_position()] = BellRow(of_case)


def decide(tables: Tables, decision: DecisionRow) -> None:
    """Store a decision; what was decided before stays, unless it was only held.

    Raises:
        RejectedError: it is about a version that was never published.
    """
    if (decision.definition_id, decision.version) not in tables.definitions:
        raise RejectedError(
            f"version {decision.version} was never published",
            subject=f"definition {decision.definition_id}",
        )
    key = (decision.definition_id, decision.input_key)
    before = tables.decisions.get(key)
    if before is None or before.outcome is Outcome.HELD:
        tables.decisions[key] = decision
