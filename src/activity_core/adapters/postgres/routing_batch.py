"""What the router decided about a batch of events, as rows, in the transaction that locked them.

Runs go first: whether an occurrence already has one decides between `fired` and `deduplicated`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from activity_core.adapters.postgres.dead_letters import bury
from activity_core.adapters.postgres.pool import Connection
from activity_core.adapters.postgres.storable import json_text, prose
from activity_core.core import ids
from activity_core.core.decision import Candidate, Outcome, PendingEvent, Routing
from activity_core.ports.dead_letters import DeadLetter

_WITH_RUN = frozenset({Outcome.FIRED, Outcome.DEDUPLICATED, Outcome.MERGED})

# In order of run ids, so that two routers with the same occurrences cannot deadlock.
_RUNS = """
insert into runs (tenant, run_id, definition_id, version, occurrence_key, trigger, status,
    traceparent, causation_depth, fired_at, touched_at)
select %(tenant)s, run_id, definition_id, version, occurrence_key, 'event', 'pending',
    traceparent, causation_depth, %(at)s, %(at)s
from unnest(%(runs)s::text[], %(definitions)s::text[], %(versions)s::int[],
    %(occurrences)s::text[], %(traces)s::text[], %(depths)s::int[]
) as r (run_id, definition_id, version, occurrence_key, traceparent, causation_depth)
order by run_id
on conflict do nothing
returning run_id
"""
_RUN_EVENTS = """
insert into run_events (tenant, run_id, event_key, received_at)
select %(tenant)s, run_id, event_key, received_at
from unnest(%(runs)s::text[], %(keys)b::bytea[], %(times)s::timestamptz[])
    as r (run_id, event_key, received_at)
"""
_QUEUE = """
insert into pending_runs (tenant, run_id)
select %(tenant)s, run_id from unnest(%(runs)s::text[]) with ordinality as r (run_id, place)
order by place
"""
# An event that comes again after the horizon keeps the decisions that were made first.
_DECISIONS = """
insert into decisions (tenant, input_key, definition_id, version, outcome, reason,
    occurrence_key, run_id, event_key, event_received_at, decided_at)
select %(tenant)s, d.*, %(at)s
from unnest(%(inputs)s::text[], %(definitions)s::text[], %(versions)s::int[],
    %(outcomes)s::text[], %(reasons)s::text[], %(occurrences)s::text[], %(runs)s::text[],
    %(keys)b::bytea[], %(times)s::timestamptz[]) as d
on conflict do nothing
"""
_ROUTINGS = """
insert into routings (tenant, event_key, revision, listened, counts, routed_at)
select %(tenant)s, event_key, revision, listened, counts::jsonb, %(at)s
from unnest(%(keys)b::bytea[], %(revisions)s::bigint[], %(listened)s::int[], %(counts)s::text[])
    as r (event_key, revision, listened, counts)
on conflict do nothing
"""
_TAKE_OFF = """
delete from pending_events where tenant = %(tenant)s and position = any(%(positions)s::bigint[])
"""
_MOST = 2**31 - 1  # of a column of type int


@dataclass(slots=True)
class _Verdict:
    """What becomes of one event for one definition, and the run of that occurrence."""

    event: PendingEvent
    candidate: Candidate
    run_id: str
    outcome: Outcome


class PostgresRoutingBatch:
    """See `ports.inbox.RoutingBatch`."""

    def __init__(self, conn: Connection, tenant: str) -> None:
        self._conn = conn
        self._tenant = tenant
        self.events: list[PendingEvent] = []

    async def record(self, routings: Sequence[Routing], at: datetime) -> Mapping[str, int]:
        """See `RoutingBatch.record`; one round trip for the runs, the rest goes with the commit."""
        verdicts = [
            [self._proposed(routing.event, candidate) for candidate in routing.candidates]
            for routing in routings
        ]
        flat = list(chain.from_iterable(verdicts))
        if any(verdict.outcome is Outcome.FIRED for verdict in flat):
            await self._make_runs(flat, at)
        if flat:
            await self._write_decisions(flat, at)
        return await self._write_routings(routings, verdicts, at)

    def _proposed(self, event: PendingEvent, candidate: Candidate) -> _Verdict:
        run = ids.run_id(self._tenant, candidate.definition_id, candidate.occurrence_key)
        return _Verdict(event, candidate, run, candidate.outcome)

    async def _make_runs(self, verdicts: Sequence[_Verdict], at: datetime) -> None:
        """Create the runs; whose occurrence has one already becomes `deduplicated`."""
        first: dict[str, _Verdict] = {}
        for verdict in verdicts:
            if verdict.outcome is Outcome.FIRED:
                first.setdefault(verdict.run_id, verdict)
        envelopes = [verdict.event.envelope for verdict in first.values()]
        values = {
            "tenant": self._tenant,
            "at": at,
            "runs": list(first),
            "definitions": [verdict.candidate.definition_id for verdict in first.values()],
            "versions": [verdict.candidate.version for verdict in first.values()],
            "occurrences": [verdict.candidate.occurrence_key for verdict in first.values()],
            "traces": [envelope.traceparent for envelope in envelopes],
            "depths": [min(envelope.causation_depth, _MOST) for envelope in envelopes],
        }
        cursor = await self._conn.execute(_RUNS, values)
        made = {row["run_id"] async for row in cursor}
        for verdict in verdicts:
            fires = verdict.run_id in made and verdict is first[verdict.run_id]
            if verdict.outcome is Outcome.FIRED and not fires:
                verdict.outcome = Outcome.DEDUPLICATED
        events = [(run, verdict.event) for run, verdict in first.items() if run in made]
        values = {
            "tenant": self._tenant,
            "runs": [run for run, _ in events],
            "keys": [event.key for _, event in events],
            "times": [event.received_at for _, event in events],
        }
        await self._conn.execute(_RUN_EVENTS, values)
        await self._conn.execute(_QUEUE, values)

    async def _write_decisions(self, verdicts: Sequence[_Verdict], at: datetime) -> None:
        candidates = [verdict.candidate for verdict in verdicts]
        envelopes = [verdict.event.envelope for verdict in verdicts]
        values = {
            "tenant": self._tenant,
            "at": at,
            "inputs": [ids.occurrence_of_event(sent.source, sent.id) for sent in envelopes],
            "definitions": [candidate.definition_id for candidate in candidates],
            "versions": [candidate.version for candidate in candidates],
            "outcomes": [verdict.outcome.value for verdict in verdicts],
            "reasons": [prose(candidate.reason) for candidate in candidates],
            "occurrences": [candidate.occurrence_key for candidate in candidates],
            "runs": [
                verdict.run_id if verdict.outcome in _WITH_RUN else None for verdict in verdicts
            ],
            "keys": [verdict.event.key for verdict in verdicts],
            "times": [verdict.event.received_at for verdict in verdicts],
        }
        await self._conn.execute(_DECISIONS, values)

    async def _write_routings(
        self, routings: Sequence[Routing], verdicts: Sequence[Sequence[_Verdict]], at: datetime
    ) -> Counter[str]:
        counts = [
            Counter({Outcome.FILTERED.value: routing.filtered} if routing.filtered else {})
            + Counter(verdict.outcome.value for verdict in row)
            for routing, row in zip(routings, verdicts, strict=True)
        ]
        values = {
            "tenant": self._tenant,
            "at": at,
            "keys": [routing.event.key for routing in routings],
            "revisions": [routing.revision for routing in routings],
            "listened": [routing.listened for routing in routings],
            "counts": [json_text(dict(row)) for row in counts],
            "positions": [routing.event.position for routing in routings],
        }
        await self._conn.execute(_ROUTINGS, values)
        await self._conn.execute(_TAKE_OFF, values)
        return sum(counts, Counter())

    async def bury(self, event: PendingEvent, code: str, message: str, at: datetime) -> None:
        """See `RoutingBatch.bury`."""
        await self.bury_letter(event.position, DeadLetter.of_event(event, code, message, at))

    async def bury_letter(self, position: int, letter: DeadLetter) -> None:
        """Put a dead letter in the place of a queue row."""
        await bury(self._conn, self._tenant, letter)
        values = {"tenant": self._tenant, "positions": [position]}
        await self._conn.execute(_TAKE_OFF, values)
