"""The reference of ingest: the rows that accepting an event writes, inserted and nothing else.

The same tables and the same number and size of rows, in one prepared statement and one transaction
per event or batch. No checks, no duplicates to look for, no HTTP.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime

import psycopg

from activity_core.core import ids
from activity_core.core.event.envelope import EventEnvelope

TENANT = "bare"

_INSERT = """
with new as (
    select * from unnest(%(keys)b::bytea[], %(digests)b::bytea[], %(sources)b::text[],
        %(ids)b::text[], %(types)b::text[], %(subjects)b::text[], %(times)b::timestamptz[],
        %(bodies)b::bytea[])
        as n (event_key, digest, source, event_id, type, subject, occurred_at, body)
),
keys as (
    insert into event_keys (tenant, event_key, digest, received_at)
    select 'bare', event_key, digest, %(at)b from new
),
bodies as (
    insert into events (tenant, received_at, event_key, source, event_id, type, subject,
        occurred_at, via, body)
    select 'bare', %(at)b, event_key, source, event_id, type, subject, occurred_at, 'http', body
    from new
)
insert into pending_events (tenant, event_key, received_at)
select 'bare', event_key, %(at)b from new
"""


async def inserters(
    url: str, batches: Sequence[Sequence[EventEnvelope]], connections: int
) -> list[Callable[[], Awaitable[None]]]:
    """What inserts the batches, one function per connection."""
    rows = iter([_arrays(batch) for batch in batches])
    links = [
        await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=0)
        for _ in range(connections)
    ]
    return [_inserter(link, rows) for link in links]


def _inserter(
    link: psycopg.AsyncConnection[tuple[object, ...]], rows: Iterator[dict[str, object]]
) -> Callable[[], Awaitable[None]]:
    async def insert() -> None:
        for arrays in rows:
            await link.execute(_INSERT, {**arrays, "at": datetime.now(UTC)})  # noqa: TID251 - a program of its own

    return insert


def _arrays(batch: Sequence[EventEnvelope]) -> dict[str, object]:
    return {
        "keys": [ids.event_key(TENANT, envelope.source, envelope.id) for envelope in batch],
        "digests": [envelope.digest for envelope in batch],
        "sources": [envelope.source for envelope in batch],
        "ids": [envelope.id for envelope in batch],
        "types": [envelope.type for envelope in batch],
        "subjects": [envelope.subject for envelope in batch],
        "times": [envelope.time for envelope in batch],
        "bodies": [envelope.to_bytes() for envelope in batch],
    }
