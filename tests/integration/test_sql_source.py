"""Context by SQL on a real PostgreSQL: bound, read-only, bounded, and as JSON."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from activity_core.adapters.postgres.sql_source import SqlSource
from activity_core.core.definition.connection import Connection
from activity_core.core.definition.source import ContextSourceConfig
from activity_core.core.jsontext import JsonValue
from activity_core.core.run.errors import ContextUnavailableError
from activity_core.ports.context_source import SourceRequest

VARIABLES: dict[str, JsonValue] = {
    "event": {"id": "e-1", "data": {"name": "x'; drop table thing; --"}},
    "slot": "2026-11-21T09:00:00Z",
    "run": {"id": "run-1"},
}


class Database:
    def __init__(self, source: SqlSource) -> None:
        self._source = source

    async def fetch(
        self, query: str, params: dict[str, str] | None = None, **limits: Any
    ) -> list[Any]:
        config = ContextSourceConfig.model_validate(
            {"sql": {"connection": "db", "query": query, "params": params or {}}}
        )
        db = Connection.model_validate({"id": "db", "sql": {"url": "env:DB_URL", **limits}})
        answer = await self._source.fetch(SourceRequest("s", config, db, VARIABLES))
        assert isinstance(answer, list)
        return answer


@pytest.fixture
async def database(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    monkeypatch.setenv("DB_URL", postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as link:
        link.execute("create table if not exists thing (n int)")
        link.execute("truncate thing")
    source = SqlSource()
    yield Database(source)
    await source.close()


async def test_values_are_bound_never_spliced(database: Database):
    [row] = await database.fetch(
        "select :name::text as name, :slot::timestamptz as slot, :event_id::text as event, "
        ":run_id::text as run, '100%' as percent",
        {"name": "event.data.name"},
    )
    assert row == {
        "name": "x'; drop table thing; --",
        "slot": "2026-11-21T09:00:00Z",
        "event": "e-1",
        "run": "run-1",
        "percent": "100%",
    }


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("1::numeric", 1),
        ("1.5::numeric", 1.5),
        ("null", None),
        ("true", True),
        ("date '2026-01-02'", "2026-01-02"),
        ("timestamptz '2026-01-02 03:04:05+02'", "2026-01-02T01:04:05Z"),
        ("interval '90 s'", "PT90S"),
        (r"'\x00ff'::bytea", "AP8="),
        ("array[1, 2]", [1, 2]),
        ("""'{"a": [1.5]}'::jsonb""", {"a": [1.5]}),
        ("'00000000-0000-0000-0000-000000000001'::uuid", "00000000-0000-0000-0000-000000000001"),
        ("inet '10.0.0.1'", "10.0.0.1"),
    ],
)
async def test_values_as_json(database: Database, sql: str, value: JsonValue):
    assert await database.fetch(f"select {sql} as v") == [{"v": value}]


@pytest.mark.parametrize(
    "query",
    [
        "insert into thing values (1)",
        "with x as (insert into thing values (1) returning n) select * from x",
        "create table other (n int)",
        "select 1; insert into thing values (1)",
        "set transaction read write",
        "commit; insert into thing values (1)",
        "select set_config('transaction_read_only', 'off', false), 1",
    ],
)
async def test_nothing_can_be_written(database: Database, postgres_url: str, query: str):
    with suppress(ContextUnavailableError):
        await database.fetch(query)
    with pytest.raises(ContextUnavailableError):  # whatever that did to the connection
        await database.fetch("insert into thing values (2) returning n")
    with psycopg.connect(postgres_url) as link:
        assert link.execute("select count(*) from thing").fetchone() == (0,)
    assert await database.fetch("select 1 as n") == [{"n": 1}]


async def test_rows_are_bounded(database: Database):
    query = "select n from generate_series(1, 5) as n"
    assert len(await database.fetch(query, max_rows=5)) == 5
    with pytest.raises(ContextUnavailableError, match="more than 4 rows"):
        await database.fetch(query, max_rows=4)


async def test_time_is_bounded(database: Database):
    with pytest.raises(ContextUnavailableError, match="timeout"):
        await database.fetch("select pg_sleep(5)", statement_timeout="100ms")


async def test_a_database_that_is_not_there(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DB_URL", "postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(ContextUnavailableError):
        await database.fetch("select 1", statement_timeout="200ms")


async def test_no_error_tells_the_url(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DB_URL", "postgresql://me:hunter2@127.0.0.1:1/none")
    with pytest.raises(ContextUnavailableError) as error:
        await database.fetch("select 1", statement_timeout="200ms")
    assert "hunter2" not in str(error.value)
