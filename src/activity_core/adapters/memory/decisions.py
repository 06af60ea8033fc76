"""Decisions and the runs that follow from them: shared by the inbox, the queue and the ledger."""

from datetime import datetime

from activity_core.adapters.memory.rows import DecisionRow, RunRow
from activity_core.adapters.memory.state import State, Tables
from activity_core.core import ids
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


def enqueue(state: State, tables: Tables, run: RunRow) -> None:
    """Store a run and put it last in the queue of the starter."""
    tables.runs[run.run_id] = run
    tables.pending_runs[state.next_position()] = run.run_id


def decide(tables: Tables, decision: DecisionRow) -> None:
    """Store a decision; what was decided before stays.

    Raises:
        RejectedError: it is about a version that was never published.
    """
    if (decision.definition_id, decision.version) not in tables.definitions:
        raise RejectedError(
            f"version {decision.version} was never published",
            subject=f"definition {decision.definition_id}",
        )
    tables.decisions.setdefault((decision.definition_id, decision.input_key), decision)
