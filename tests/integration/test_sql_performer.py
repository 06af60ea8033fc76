"""Tasks by SQL on a real PostgreSQL: bound, whole or not at all, and with typed failures."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from tests.api import eventually

from activity_core.adapters import heartbeats
from activity_core.adapters.memory.task_performer import MemoryAttempt
from activity_core.adapters.postgres.sql_performer import SqlPerformer
from activity_core.adapters.postgres.sql_pools import SqlPools
from activity_core.core.definition.connection import Connection
from activity_core.core.errors import NotFoundError
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.errors import TaskFailedError
from activity_core.core.run.task import TaskInstance, TaskStatus

INSERT = "insert into booked (task, n, note) values (:task_id, :n, :note)"


class Database:
    """`limits`: what the connection says besides its address."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.limits: dict[str, Any] = {"write": True}
        self.pools = SqlPools()
        self.performer = SqlPerformer(self._find, self.pools)

    async def _find(self, name: str) -> Connection:
        if name != "db":
            raise NotFoundError("no such connection")
        return Connection.model_validate({"id": "db", "sql": {"url": "env:DB_URL", **self.limits}})

    async def perform(
        self,
        statement: str,
        attempt: MemoryAttempt | None = None,
        *,
        connection: str = "db",
        **params: JsonValue,
    ) -> Any:
        task = TaskInstance(
            *("task-1", "run-1", "d", 1, "r", "t", 0, TaskKind.SQL, "T", TaskStatus.RUNNING),
            {"connection": connection, "statement": statement, "params": params},
        )
        performed = await self.performer.perform(task, attempt or MemoryAttempt())
        assert performed.waits is None
        return performed.outputs

    async def failure(self, statement: str, **params: Any) -> TaskFailedError:
        with pytest.raises(TaskFailedError) as error:
            await self.perform(statement, **params)
        return error.value

    def booked(self) -> list[Any]:
        with psycopg.connect(self.url) as link:
            return link.execute("select task, n, note from booked order by n").fetchall()


@pytest.fixture
async def database(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    monkeypatch.setenv("DB_URL", postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as link:
        link.execute("drop table if exists booked")
        link.execute(
            "create table booked (task text, n int unique check (n < 100), note text, body jsonb)"
        )
    database = Database(postgres_url)
    yield database
    await database.pools.close()


async def test_values_are_bound_never_spliced(database: Database):
    note = "x'); drop table booked; --"
    assert await database.perform(INSERT, n=1, note=note) == {"row_count": 1}
    assert database.booked() == [("task-1", 1, note)]


async def test_what_it_returns(database: Database):
    await database.perform(INSERT, n=1, note="a")
    await database.perform(INSERT, n=2, note="b")
    assert await database.perform(
        "update booked set note = note || :run_id where n >= :least returning n, note", least=1
    ) == {"row_count": 2, "rows": [{"n": 1, "note": "arun-1"}, {"n": 2, "note": "brun-1"}]}


@pytest.mark.parametrize(
    ("value", "type_"),
    [([1, 2], "int[]"), ({"a": [1]}, "jsonb"), ([{"a": 1}], "jsonb"), (None, "text")],
)
async def test_values_that_nest(database: Database, value: JsonValue, type_: str):
    found = await database.perform(f"select :value::{type_} as value", value=value)
    assert found["rows"] == [{"value": value}]


@pytest.mark.parametrize(
    ("statement", "type_", "retryable"),
    [
        ("insert into booked (n) values (1), (1)", "sql_23505", False),
        ("insert into booked (n) values (100)", "sql_23514", False),
        ("insert into nowhere values (1)", "sql_42P01", False),
        ("select 1; insert into booked (n) values (3)", "sql_42601", False),
        *(
            (f"do $$ begin raise sqlstate '{state}'; end $$", f"sql_{state}", True)
            for state in ("40001", "40P01", "53300", "57P01", "55P03", "08006")
        ),
    ],
)
async def test_failures_have_the_type_of_their_state(
    database: Database, statement: str, type_: str, *, retryable: bool
):
    error = await database.failure(statement)
    assert (error.type, error.retryable) == (type_, retryable)
    assert database.booked() == []


async def test_rows_are_bounded_before_anything_is_done(database: Database):
    database.limits["max_rows"] = 3
    insert = "insert into booked (n) select generate_series(1, :most::int) returning n"
    assert (await database.failure(insert, most=4)).type == "too_large"
    assert database.booked() == []
    assert len((await database.perform(insert, most=3))["rows"]) == 3


async def test_outputs_are_bounded_before_anything_is_done(database: Database):
    insert = "insert into booked (n, note) values (1, repeat('x', 1 << 20)) returning note"
    error = await database.failure(insert)
    assert (error.type, error.retryable) == ("too_large", False)
    assert database.booked() == []


async def test_time_is_bounded(database: Database):
    database.limits["statement_timeout"] = "100ms"
    error = await database.failure("select pg_sleep(5)")
    assert (error.type, error.retryable) == ("sql_57014", True)


async def test_only_connections_that_may_write(database: Database):
    database.limits = {}
    error = await database.failure("insert into booked (n) values (1)")
    assert (error.type, error.retryable) == ("configuration", False)
    assert (await database.failure("select 1", connection="gone")).type == "not_found"


async def test_values_that_postgresql_has_not(database: Database):
    error = await database.failure(INSERT, n=1, note="a\x00b")
    assert (error.type, error.retryable) == ("invalid_input", False)


async def test_a_database_that_is_not_there(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DB_URL", "postgresql://me:hunter2@127.0.0.1:1/none")
    database.limits["statement_timeout"] = "200ms"
    error = await database.failure("select 1")
    assert (error.type, error.retryable) == ("unreachable", True)
    assert "hunter2" not in str(error)


async def test_a_link_that_breaks_may_be_tried_again(database: Database):
    error = await database.failure("select pg_terminate_backend(pg_backend_pid())")
    assert (error.type, error.retryable) == ("sql_57P01", True)
    assert await database.perform(INSERT, n=1, note="a") == {"row_count": 1}


async def test_a_cancelled_attempt_leaves_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(heartbeats, "PERIOD", 0.01)
    attempt = MemoryAttempt()
    database.limits["statement_timeout"] = "60s"
    statement = "insert into booked (n) select 1 from pg_sleep(60)"

    async def active() -> bool:
        with psycopg.connect(database.url) as link:
            found = link.execute(
                "select from pg_stat_activity where query = %s and state = 'active'", (statement,)
            )
            return found.fetchone() is not None

    async def over() -> bool:
        return not await active()

    async def alive() -> bool:
        return len(attempt.beats) > 1

    performing = asyncio.create_task(database.perform(statement, attempt))
    await eventually(active, "the statement runs")
    await eventually(alive, "it says so")
    performing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await performing
    await eventually(over, "the statement is over")
    assert database.booked() == []
