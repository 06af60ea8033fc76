"""Context from a PostgreSQL database: one read-only query with bind parameters.

In: `services.runner` (local connections, inside a run's step) or a Temporal activity. Out: rows as
JSON objects.
"""

from collections.abc import Mapping, Sequence

import psycopg
from psycopg_pool import PoolTimeout

from activity_core.adapters.postgres.sql_pools import Link, Pool, SqlPools
from activity_core.adapters.postgres.sql_rows import json_row
from activity_core.core.definition.connection import SqlConnection
from activity_core.core.definition.source import SqlSource as SqlSourceConfig
from activity_core.core.expression.condition import compile_expression
from activity_core.core.expression.sql_binds import bind
from activity_core.core.jsontext import JsonValue, canonical_json, parse_json
from activity_core.core.run.errors import ContextUnavailableError
from activity_core.ports.context_source import SourceRequest


class SqlSource:
    """Fetches sources of kind `sql`."""

    def __init__(self) -> None:
        self._pools = SqlPools(_read_only)

    async def fetch(self, request: SourceRequest) -> JsonValue:
        """A list of rows, each an object by column name.

        Raises:
            ContextUnavailableError: no connection, a refused query, or more rows than allowed.
        """
        config, connection = request.config.sql_, request.connection
        subject = f"source {request.name}"
        if config is None or connection is None or connection.sql_ is None:
            raise ContextUnavailableError("it needs a sql connection", subject=subject)
        try:
            pool = await self._pools.of(connection.id, connection.sql_)
            rows = await _query(pool, connection.sql_, config, request.variables)
        except (psycopg.Error, PoolTimeout) as error:
            raise ContextUnavailableError(_first_line(error), subject=subject) from error
        if len(rows) > connection.sql_.max_rows:
            raise ContextUnavailableError(
                f"more than {connection.sql_.max_rows} rows",
                subject=subject,
                hint="narrow the query, or raise max_rows of the connection",
            )
        return parse_json(canonical_json([json_row(row) for row in rows]))

    async def close(self) -> None:
        """Close all pools."""
        await self._pools.close()


async def _query(
    pool: Pool,
    connection: SqlConnection,
    config: SqlSourceConfig,
    variables: Mapping[str, JsonValue],
) -> Sequence[Mapping[str, object]]:
    bound = bind(config.query)
    values = _values(config, variables)
    async with pool.connection() as link:
        # Prepared: the server takes one statement and no more. Rolled back: a SET cannot stay.
        parameters = {name: values[name] for name in bound.names}
        cursor = await link.execute(bound.text.encode(), parameters, prepare=True)
        rows = await cursor.fetchmany(connection.max_rows + 1)
        await link.rollback()
        return rows


async def _read_only(link: Link) -> None:
    """Every transaction of it begins READ ONLY, which its only statement cannot undo."""
    await link.set_read_only(True)


def _values(config: SqlSourceConfig, variables: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """What `:name` can stand for: slot, gap_start, gap_end, event_id, run_id and the params."""
    event, run = variables.get("event"), variables.get("run")
    names = frozenset(variables)
    return {
        **{name: variables.get(name) or None for name in ("slot", "gap_start", "gap_end")},
        "event_id": event.get("id") if isinstance(event, dict) else None,
        "run_id": run.get("id") if isinstance(run, dict) else None,
        **{
            name: compile_expression(text, variables=names).evaluate(variables)
            for name, text in config.params.items()
        },
    }


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
