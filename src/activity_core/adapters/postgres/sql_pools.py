"""Pools of the databases that connections name: one each, made when first needed.

In: connections of kind `sql`. Out: pools for context queries (read-only) and for tasks.
"""

from collections.abc import Awaitable, Callable, Mapping

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from activity_core.adapters.secrets import resolve_secret
from activity_core.core.definition.connection import SqlConnection

Link = psycopg.AsyncConnection[Mapping[str, object]]
Pool = AsyncConnectionPool[Link]


class SqlPools:
    """Pools by connection; `configure` is done to each of their links once."""

    def __init__(self, configure: Callable[[Link], Awaitable[None]] | None = None) -> None:
        self._configure = configure
        self._pools: dict[tuple[str, SqlConnection], Pool] = {}

    async def of(self, name: str, config: SqlConnection) -> Pool:
        """The pool of a connection; another one after its address or a limit changed.

        Raises:
            ConfigurationError: its secret is missing.
        """
        key = (name, config)
        if key not in self._pools:
            options = (
                f"-c timezone=UTC "
                f"-c statement_timeout={int(config.statement_timeout.total_seconds() * 1000)}"
            )
            pool: Pool = AsyncConnectionPool(
                resolve_secret(config.url),
                min_size=0,
                max_size=config.pool_size,
                timeout=config.statement_timeout.total_seconds(),
                kwargs={"options": options, "row_factory": dict_row},
                configure=self._configure,
                open=False,
            )
            self._pools[key] = pool
            await pool.open()
        return self._pools[key]

    async def close(self) -> None:
        """Close all pools."""
        for pool in self._pools.values():
            await pool.close()
        self._pools.clear()
