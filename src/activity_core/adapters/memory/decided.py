"""What was decided about events, in memory: shared by the inbox and the flow store."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain

from activity_core.adapters.memory.decisions import decide, enqueue, new_run, queue_for_case
from activity_core.adapters.memory.ending import end_runs
from activity_core.adapters.memory.rows import DecisionRow
from activity_core.adapters.memory.state import State, Tables
from activity_core.core import ids
from activity_core.core.decision import Outcome
from activity_core.core.flow import verdict
from activity_core.core.flow.group import Group
from activity_core.core.flow.trace import trace_of
from activity_core.core.flow.verdict import Verdict
from activity_core.core.rules.occurrence import Occurrence, TriggerKind
from activity_core.core.run.ending import DISPLACED
from activity_core.ports.flow import Decided
from activity_core.ports.run_queue import SignalKind


def write_decided(
    state: State,
    tables: Tables,
    decided: Decided,
    at: datetime,
    *,
    arrived: Collection[str] = (),
) -> Sequence[Verdict]:
    """See `OpenFlow.write`; answers what was decided now, once per event and definition.

    Nobody looks whether there was something before about the input keys that just `arrived`.
    """
    final = {
        key
        for key, row in tables.decisions.items()
        if row.outcome is not Outcome.HELD and row.input_key not in arrived
    }
    said = [verdict.settled(*item) for item in decided.settled]
    for definition_id, group in decided.fired:
        if all((definition_id, member.input_key) in final for member in group.members):
            continue
        made = _make_run(state, tables, definition_id, group, at)
        said.append((verdict.fired if made else verdict.repeated)(definition_id, group))
    verdicts = verdict.one_each(
        each
        for each in chain.from_iterable(said)
        if (each.definition_id, each.member.input_key) not in final
    )
    for each in verdicts:
        decide(tables, _row(state, tables, each, at))
    for key, row in decided.rows.items():
        tables.flow_states.pop(key, None)
        if not row.state.is_empty:
            tables.flow_states[key] = row
    end_runs(state, tables, DISPLACED, SignalKind.CANCEL, decided.displaced, at=at)
    for letter in decided.letters:
        tables.dead_letters.setdefault(letter.dead_letter_id, letter)
    return verdicts


def _make_run(state: State, tables: Tables, definition_id: str, group: Group, at: datetime) -> bool:
    """False if its occurrence has a run already."""
    events = tuple(group.members[place].event_key for place in verdict.places(group))
    lead = group.leader.event_key
    given = [lead] if group.alone else events
    occurrence = Occurrence(
        group.occurrence_key,
        TriggerKind.EVENT,
        event=tables.events[lead].envelope,
        events=[tables.events[key].envelope for key in given],
    )
    run = new_run(state, definition_id, group.version, occurrence, at=at, events=events)
    if run.run_id in tables.runs:
        return False
    run = replace(run, priority=group.priority)
    if group.case_key is None:
        enqueue(state, tables, run)
        return True
    queue_for_case(state, tables, run, group.case_key)
    return True


def _row(state: State, tables: Tables, said: Verdict, at: datetime) -> DecisionRow:
    run_id = said.run_of and ids.run_id(state.tenant, said.definition_id, said.run_of)
    return DecisionRow(
        definition_id=said.definition_id,
        input_key=said.member.input_key,
        version=said.member.version,
        outcome=said.outcome,
        reason=said.reason,
        occurrence_key=said.member.occurrence_key,
        decided_at=at,
        run_id=run_id if run_id in tables.runs else None,
        event_key=said.member.event_key,
        trace=trace_of(said),
    )
