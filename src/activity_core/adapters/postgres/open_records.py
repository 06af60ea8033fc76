"""Recorded events: pages of them are read, and what follows is written, in one transaction.

Locks are taken in the order replay, flow states, runs; nobody goes the other way.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime

from psycopg.rows import DictRow

from activity_core.adapters.postgres import event_replays_queries as queries
from activity_core.adapters.postgres.flow import PostgresOpenFlow
from activity_core.adapters.postgres.pool import Connection
from activity_core.core.decision import PendingEvent
from activity_core.core.errors import InvalidEventError
from activity_core.ports.event_replays import (
    Advance,
    EventReplay,
    EventReplayRequest,
    EventReplayStatus,
    Place,
    RecordedEvents,
    Stretch,
    Tally,
)

SCAN = 2_000
"""Recorded events of any type that one page passes over at most."""


class PostgresOpenRecords:
    """See `ports.event_replays.OpenRecords`."""

    def __init__(self, conn: Connection, tenant: str) -> None:
        self._conn = conn
        self._tenant = tenant
        self.flow = PostgresOpenFlow(conn, tenant)

    async def lock(self, replay_id: str, at: datetime) -> EventReplay | None:
        """See `OpenRecords.lock`."""
        values = {"tenant": self._tenant, "replay": replay_id, "at": at}
        row = await (await self._conn.execute(queries.LOCK, values)).fetchone()
        return None if row is None else replay_of(row)

    async def page(self, stretch: Stretch, limit: int) -> RecordedEvents:
        """See `OpenRecords.page`; two round trips."""
        values = {
            "tenant": self._tenant,
            "exact": [each for each in stretch.types if not each.endswith("*")],
            "prefixes": [each[:-1] for each in stretch.types if each.endswith("*")],
            "after": stretch.after.received_at,
            "after_key": stretch.after.key,
            "until": stretch.until,
            "scan": SCAN,
            "limit": limit,
        }
        rows = await (await self._conn.execute(queries.PAGE, values, binary=True)).fetchall()
        heard = [row for row in rows if row["event_key"] is not None]
        end, is_last = stretch.after, rows[0]["scanned"] == rows[0]["routed"] < SCAN
        if len(heard) == limit:
            end, is_last = Place(heard[-1]["received_at"], heard[-1]["event_key"]), False
        elif rows[0]["routed"]:
            end = Place(rows[0]["last_at"], rows[0]["last_key"])
        events = _readable(heard)
        return RecordedEvents(
            events, await self._existing(stretch.definition_id, events), end, is_last
        )

    async def one(self, definition_id: str, key: bytes) -> RecordedEvents:
        """See `OpenRecords.one`."""
        values = {"tenant": self._tenant, "definition": definition_id, "key": key}
        await self._conn.execute(queries.LOCK_DEFINITION, values)
        rows = await (await self._conn.execute(queries.ONE_EVENT, values, binary=True)).fetchall()
        events = _readable(rows)
        end = Place(datetime.min.replace(tzinfo=UTC), key)
        return RecordedEvents(events, await self._existing(definition_id, events), end, True)

    async def _existing(
        self, definition_id: str, events: Sequence[PendingEvent]
    ) -> frozenset[bytes]:
        if not events:
            return frozenset()
        values = {
            "tenant": self._tenant,
            "definition": definition_id,
            "keys": [event.key for event in events],
            "inputs": [event.input_key for event in events],
            "times": [event.received_at for event in events],
        }
        cursor = await self._conn.execute(queries.EXISTING, values, binary=True)
        return frozenset([row["event_key"] async for row in cursor])

    async def advance(self, replay_id: str, advance: Advance, at: datetime) -> None:
        """See `OpenRecords.advance`."""
        values = {
            "tenant": self._tenant,
            "replay": replay_id,
            "reached_at": advance.place.received_at,
            "reached_key": advance.place.key,
            "next_at": advance.next_at,
            "over": advance.is_over,
            "at": at,
            **asdict(advance.tally),
        }
        await self._conn.execute(queries.ADVANCE, values)


def replay_of(row: DictRow) -> EventReplay:
    """A row of `event_replays`."""
    return EventReplay(
        request=EventReplayRequest(
            replay_id=row["replay_id"],
            definition_id=row["definition_id"],
            since=row["since"],
            until=row["until"],
            rate=row["rate"],
            actor=row["actor"],
            reason=row["reason"],
        ),
        status=EventReplayStatus(row["status"]),
        place=Place(row["reached_at"], row["reached_key"]),
        tally=Tally(row["looked_at"], row["existing"], row["matched"], row["fired"]),
        requested_at=row["requested_at"],
        finished_at=row["finished_at"],
    )


def _readable(rows: Sequence[DictRow]) -> list[PendingEvent]:
    """Without what an older, laxer program accepted."""
    found = []
    for row in rows:
        event = PendingEvent(
            source=row["source"],
            id=row["event_id"],
            type=row["type"],
            body=row["body"],
            position=0,
            key=row["event_key"],
            received_at=row["received_at"],
        )
        with suppress(InvalidEventError):
            _ = event.envelope
            found.append(event)
    return found
