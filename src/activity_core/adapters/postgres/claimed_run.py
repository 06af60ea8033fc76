"""A run as those see it who carry it out: its row with its events and what its sources answered."""

from itertools import compress

from psycopg.rows import DictRow

from activity_core.adapters.postgres.gap_document import gap_from_document
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.rules.occurrence import Occurrence, TriggerKind
from activity_core.core.run.run import ClaimedRun, RunStatus

COLUMNS = """r.run_id, r.definition_id, r.version, r.occurrence_key, r.trigger, r.scheduled_for,
    r.gap, r.input, r.timer, r.attempt, r.status, r.stop, r.recorded_at, given.bodies, given.leads,
    (
        select json_object_agg(c.source, c.data) from run_context c
        where c.tenant = r.tenant and c.run_id = r.run_id
    ) as gathered"""
"""Of a query with a run `r` and what GIVEN joins to it."""

GIVEN = """cross join lateral (
    select array_agg(e.body order by n.place) as bodies, array_agg(n.lead order by n.place) as leads
    from run_events n
    cross join lateral (
        select body from events
        where tenant = n.tenant and received_at = n.received_at and event_key = n.event_key offset 0
    ) e
    where n.tenant = r.tenant and n.run_id = r.run_id and n.given
) given"""
"""The events that it sees."""


def claimed_run(row: DictRow) -> ClaimedRun:
    """From the columns above."""
    events = tuple(EventEnvelope.from_bytes(body) for body in row["bodies"] or ())
    return ClaimedRun(
        run_id=row["run_id"],
        definition_id=row["definition_id"],
        version=row["version"],
        occurrence=Occurrence(
            key=row["occurrence_key"],
            trigger=TriggerKind(row["trigger"]),
            scheduled_for=row["scheduled_for"],
            gap=gap_from_document(row["gap"]) if row["gap"] else None,
            event=next(compress(events, row["leads"] or ()), None),
            events=events,
            input=row["input"],
            timer=row["timer"] or "",
        ),
        attempt=row["attempt"],
        status=RunStatus.RUNNING,
        recorded=row["recorded_at"] is not None,
        gathered=row["gathered"] or {},
        stop=row["stop"],
    )
