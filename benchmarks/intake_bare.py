"""The reference of intake: consume with the same client, insert the bytes, acknowledge. No more.

In: batches from a broker of `intake`, of the same size as ours. Out: one multi-row insert
in one transaction for each, into a table that has a body and a number; then the acknowledgement.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing

import psycopg

Batch = tuple[Sequence[bytes], Callable[[], Awaitable[None]]]
"""Bodies, and what acknowledges them."""

Link = psycopg.AsyncConnection[tuple[object, ...]]

_TABLE = """
create table if not exists raw (number bigint generated always as identity primary key, body bytea)
"""
_INSERT = "insert into raw (body) select unnest(%b::bytea[])"


async def table(url: str) -> Link:
    """A connection to a database that has the table."""
    link = await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=0)
    await link.execute(_TABLE)
    return link


async def seconds(batches: AsyncIterator[Batch], link: Link, count: int) -> float:
    """From the first batch to the last acknowledgement of so many messages."""
    began, left = 0.0, count
    async with aclosing(batches) as each:  # type: ignore[type-var]
        async for bodies, acknowledge in each:
            began = began or time.perf_counter()
            await link.execute(_INSERT, [list(bodies)])
            await acknowledge()
            left -= len(bodies)
            if left <= 0:
                break
        return time.perf_counter() - began
