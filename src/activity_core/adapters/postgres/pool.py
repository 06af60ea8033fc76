"""Connections to PostgreSQL: opened here, errors translated here, transactions begun here.

Connections are in autocommit: a single statement is a transaction by itself, several are put into
`transaction`. That one is in pipeline mode, so statements whose answers nobody reads yet travel
together, BEGIN and COMMIT included.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg import AsyncConnection, errors
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from activity_core.core.errors import RejectedError, UnavailableError

Connection = AsyncConnection[DictRow]
Pool = AsyncConnectionPool[Connection]

SESSION = {
    "application_name": "activity-core",
    "timezone": "UTC",
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    # A relay publishes, and a runner evaluates, while it holds its rows.
    "idle_in_transaction_session_timeout": "60s",
    # Queues are analysed when they are empty and read when they are full, and tomorrow's partition
    # is empty until tomorrow. Every hot statement has its index: plan once, and use it.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    # A lookup in a hundred partitions looks expensive, and is not: no help is needed for it.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}
"""Bounds for everything that may hang (nobody holds a lock for ever), and plans that stay."""

_WAIT_FOR_CONNECTION = 10.0  # seconds
_GIVE_UP_CONNECTING = 5.0  # seconds; the next user tries anew, without the pool's long back-off
_REJECTED = (
    psycopg.DataError,
    psycopg.IntegrityError,
    errors.ProgramLimitExceeded,  # a value too large for an index or a row
    UnicodeEncodeError,  # half of a surrogate pair: psycopg cannot even send it
)
_UNAVAILABLE = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)


@asynccontextmanager
async def open_pool(url: str, size: int) -> AsyncIterator[Pool]:
    """A pool of up to `size` connections.

    It opens even when the server is away: then every use raises UnavailableError until it is back.
    """
    options = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    pool: Pool = AsyncConnectionPool(
        url,
        connection_class=Connection,
        kwargs={
            "autocommit": True,
            "row_factory": dict_row,
            "prepare_threshold": 2,
            "options": options,
        },
        min_size=1,
        max_size=size,
        timeout=_WAIT_FOR_CONNECTION,
        reconnect_timeout=_GIVE_UP_CONNECTING,
        open=False,
    )
    async with pool:
        yield pool


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Errors of the driver as ours.

    Raises:
        RejectedError: the server can never store this; other rows may be fine.
        UnavailableError: nothing was kept, or nobody knows; safe to repeat.
    """
    try:
        yield
    except _REJECTED as error:
        raise RejectedError(_told(error)) from error
    except _UNAVAILABLE as error:
        raise UnavailableError(_told(error), subject="PostgreSQL") from error


@asynccontextmanager
async def connection(pool: Pool) -> AsyncIterator[Connection]:
    """A connection for single statements, each a transaction by itself.

    Raises:
        RejectedError, UnavailableError: see `translated`.
    """
    async with translated(), pool.connection() as conn:
        yield conn


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """A transaction (read committed): committed when left normally, rolled back otherwise.

    Raises:
        RejectedError, UnavailableError: see `translated`; the latter also when a commit was sent
            and not answered.
    """
    async with translated(), pool.connection() as conn, conn.pipeline():
        await conn.execute("begin")
        yield conn
        await conn.execute("commit")
        # Left otherwise, the pool finds the transaction open and rolls it back.


async def depth(pool: Pool, query: str, tenant: str) -> int:
    """The one number of a query that selects a `depth`."""
    async with connection(pool) as conn:
        row = await (await conn.execute(query, {"tenant": tenant})).fetchone()
    return int(row["depth"]) if row else 0


def _told(error: BaseException) -> str:
    return str(error).strip() or type(error).__name__
