"""A batch of events under lock, and what the router decided about it, in one transaction."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from activity_core.adapters.postgres.dead_letters import bury
from activity_core.adapters.postgres.decided import write_decided
from activity_core.adapters.postgres.flow import PostgresOpenFlow
from activity_core.adapters.postgres.pool import Connection
from activity_core.adapters.postgres.storable import json_text
from activity_core.core.decision import Outcome, PendingEvent, Routing
from activity_core.core.flow.verdict import Verdict
from activity_core.ports.dead_letters import DeadLetter
from activity_core.ports.flow import Decided

_ROUTINGS = """
insert into routings (tenant, event_key, received_at, revision, listened, counts, routed_at)
select %(tenant)s, event_key, received_at, revision, listened, counts::jsonb, %(at)s
from unnest(%(keys)b::bytea[], %(times)s::timestamptz[], %(revisions)s::bigint[],
    %(listened)s::int[], %(counts)b::text[]
) as r (event_key, received_at, revision, listened, counts)
on conflict do nothing
"""
_TAKE_OFF = """
delete from pending_events where tenant = %(tenant)s and position = any(%(positions)s::bigint[])
"""


class PostgresRoutingBatch:
    """See `ports.inbox.RoutingBatch`."""

    def __init__(self, conn: Connection, tenant: str) -> None:
        self._conn = conn
        self._tenant = tenant
        self.events: list[PendingEvent] = []
        self.flow = PostgresOpenFlow(conn, tenant)

    async def record(
        self, routings: Sequence[Routing], decided: Decided, at: datetime
    ) -> Mapping[str, int]:
        """See `RoutingBatch.record`; one round trip for the runs, the rest goes with the commit."""
        arrived = {routing.event.input_key: routing for routing in routings}
        verdicts = await write_decided(self._conn, self._tenant, decided, at, arrived=arrived)
        await self._write_routings(arrived, verdicts, at)
        total = Counter(each.outcome.value for each in verdicts)
        total[Outcome.FILTERED.value] = sum(routing.filtered for routing in routings)
        return +total

    async def _write_routings(
        self, arrived: Mapping[str, Routing], verdicts: Sequence[Verdict], at: datetime
    ) -> None:
        counts: dict[str, Counter[str]] = {
            key: Counter({Outcome.FILTERED.value: routing.filtered} if routing.filtered else {})
            for key, routing in arrived.items()
        }
        for verdict in verdicts:
            if verdict.member.input_key in counts:
                counts[verdict.member.input_key][verdict.outcome.value] += 1
        routings = arrived.values()
        values = {
            "tenant": self._tenant,
            "at": at,
            "keys": [routing.event.key for routing in routings],
            "times": [routing.event.received_at for routing in routings],
            "revisions": [routing.revision for routing in routings],
            "listened": [routing.listened for routing in routings],
            "counts": [json_text(dict(outcomes)) for outcomes in counts.values()],
            "positions": [routing.event.position for routing in routings],
        }
        await self._conn.execute(_ROUTINGS, values)
        await self._conn.execute(_TAKE_OFF, values)

    async def bury(self, event: PendingEvent, code: str, message: str, at: datetime) -> None:
        """See `RoutingBatch.bury`."""
        await bury(self._conn, self._tenant, DeadLetter.of_event(event, code, message, at))
        values = {"tenant": self._tenant, "positions": [event.position]}
        await self._conn.execute(_TAKE_OFF, values)
