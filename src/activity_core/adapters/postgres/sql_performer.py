"""Tasks of kind `sql`: one statement in one transaction, on a connection that may write.

In: rendered tasks. Out: what the statement did. What cannot be put out is not done either: outputs
are made before the transaction commits.
"""

from collections.abc import Awaitable, Callable, Mapping

import psycopg
from psycopg.types.json import Jsonb
from psycopg_pool import PoolTimeout

from activity_core.adapters.heartbeats import beating
from activity_core.adapters.postgres.sql_pools import Pool, SqlPools
from activity_core.adapters.postgres.sql_rows import json_row
from activity_core.core.definition.connection import Connection, SqlConnection
from activity_core.core.errors import ConfigurationError, NotFoundError
from activity_core.core.expression.sql_binds import bind
from activity_core.core.jsontext import JsonValue
from activity_core.core.run.errors import TaskFailedError
from activity_core.core.run.task import TaskInstance
from activity_core.core.run.task_outputs import TOO_LARGE, storable
from activity_core.ports.task_performer import Attempt, Performed

RETRYABLE = ("08", "40", "53", "57", "58", "55P03")
"""Beginnings of SQLSTATEs: the link, a rival, resources, an operator or a time limit, the system,
a lock. The same statement may succeed later; what a constraint refuses, it refuses again."""


class SqlPerformer:
    """Performs sql tasks; `connection` finds a connection by id."""

    def __init__(self, connection: Callable[[str], Awaitable[Connection]], pools: SqlPools) -> None:
        self._connection = connection
        self._pools = pools

    async def perform(self, task: TaskInstance, attempt: Attempt) -> Performed:
        """Execute it; the outputs are `{"row_count"}`, and `rows` if it returns any.

        Raises:
            TaskFailedError: `sql_23505` and so on by SQLSTATE, `unreachable`, `too_large`;
                `invalid_input` for values that PostgreSQL has not.
        """
        subject = f"task {task.task_id}"
        try:
            name = str(task.inputs["connection"])
            config = _writable(await self._connection(name))
            pool = await self._pools.of(name, config)
            async with beating(attempt):
                return Performed(await _execute(pool, config, task, subject))
        except (ConfigurationError, NotFoundError) as error:
            raise TaskFailedError(
                str(error), subject=subject, type=error.code, retryable=False
            ) from None
        except (psycopg.Error, PoolTimeout) as error:
            raise _failure(error, subject) from None


def _writable(connection: Connection) -> SqlConnection:
    if connection.sql_ is None or not connection.sql_.write:
        raise ConfigurationError(
            "sql tasks need a sql connection with `write: true`",
            subject=f"connection {connection.id}",
        )
    return connection.sql_


async def _execute(
    pool: Pool, config: SqlConnection, task: TaskInstance, subject: str
) -> JsonValue:
    bound = bind(str(task.inputs["statement"]))
    params = task.inputs.get("params")
    values = {
        **(params if isinstance(params, dict) else {}),
        "task_id": task.task_id,
        "run_id": task.run_id,
    }
    parameters = {name: _parameter(values[name]) for name in bound.names}
    async with pool.connection() as link:  # one transaction: it commits, or undoes, at the end
        # Prepared: the server takes one statement and no more.
        cursor = await link.execute(bound.text.encode(), parameters, prepare=True)
        outputs: dict[str, JsonValue] = {"row_count": max(cursor.rowcount, 0)}
        if cursor.description is not None:
            rows = await cursor.fetchmany(config.max_rows + 1)
            outputs["rows"] = _bounded(rows, config, subject)
        return storable(outputs, subject)


def _bounded(rows: list[Mapping[str, object]], config: SqlConnection, subject: str) -> JsonValue:
    if len(rows) > config.max_rows:
        raise TaskFailedError(
            f"it returns more than {config.max_rows} rows; nothing was done",
            subject=subject,
            hint="return less, or raise max_rows of the connection",
            type=TOO_LARGE,
            retryable=False,
        )
    return [json_row(row) for row in rows]


def _parameter(value: JsonValue) -> object:
    """Lists of plain values as arrays; whatever nests deeper as jsonb."""
    nests = isinstance(value, list) and any(isinstance(item, list | dict) for item in value)
    return Jsonb(value) if nests or isinstance(value, dict) else value


def _failure(error: psycopg.Error | PoolTimeout, subject: str) -> TaskFailedError:
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    text = (str(error) or type(error).__name__).splitlines()[0]  # what follows shows values
    if state is not None:
        retryable = state.startswith(RETRYABLE)
        return TaskFailedError(text, subject=subject, type=f"sql_{state}", retryable=retryable)
    if isinstance(error, psycopg.OperationalError):  # PoolTimeout is one
        return TaskFailedError(text, subject=subject, type="unreachable")
    return TaskFailedError(text, subject=subject, type="invalid_input", retryable=False)
