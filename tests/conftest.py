"""Real servers for the tests that need them: started once per session, on free ports."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import settings
from psycopg import sql
from tests.brokers.kafka import kafka_address, kafka_server  # noqa: F401 - fixtures
from tests.brokers.rabbitmq import rabbitmq, rabbitmq_url  # noqa: F401 - fixtures

from activity_core.adapters.postgres.migrate import migrate
from activity_core.embedded.directory import locked
from activity_core.embedded.nats import EmbeddedNats
from activity_core.embedded.ports import choose_ports
from activity_core.embedded.postgres import EmbeddedPostgres

# The same examples each time: a suite says the same of the same code, however busy the machine is.
# HYPOTHESIS_PROFILE=exploring looks for others.
settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
settings.register_profile("exploring", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

_TEMPLATE = "migrated"
_SHARED = ("kafka_server", "kafka_address", "rabbitmq", "rabbitmq_url")
"""Servers that are slow to start: all tests of one belong to one process."""
_INSTALLATIONS = ("stack", "running")
"""Of the tests end to end and of faults, a dozen processes each: never two of one kind."""


@pytest.hookimpl(tryfirst=True)  # xdist looks for the groups at this very moment, too
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several processes (`-n`): what shares a server or an installation stays together."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))


def _group(item: pytest.Item) -> str:
    wanted = set(getattr(item, "fixturenames", ()))
    for name in (*_INSTALLATIONS, *_SHARED):
        if name in wanted:
            return name.partition("_")[0]
    return str(item.path)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server whose database `migrated` has the schema and no rows."""
    running = _server(tmp_path_factory.mktemp("postgres"))
    # In a loop of its own: fixtures and tests may ask for it from inside of theirs.
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(running) as url:
        _soon_forget_who_does_not_log_in(url)
        create_database(url, _TEMPLATE, template="template0")
        migrate(database(url, _TEMPLATE))
        yield url


@pytest.fixture(scope="session")
async def nats_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The URL of a server with JetStream."""
    async with locked(tmp_path_factory.mktemp("nats")) as data:
        port = choose_ports(["nats"], demanded={}, preferred={})["nats"]
        server = EmbeddedNats(data, port, durable=False)
        await server.start()
        try:
            yield server.url
        finally:
            await server.process.stop()


@asynccontextmanager
async def _server(directory: Path) -> AsyncIterator[str]:
    async with locked(directory) as data:
        port = choose_ports(["postgres"], demanded={}, preferred={})["postgres"]
        server = EmbeddedPostgres(data, port, durable=False)
        await server.start()
        try:
            yield server.url
        finally:
            await server.process.stop()


@pytest.fixture(scope="module")
def postgres_url(postgres_server: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a migrated database of this test module alone."""
    name = request.module.__name__.rpartition(".")[2][:60]
    create_database(postgres_server, name, template=_TEMPLATE)
    yield database(postgres_server, name)
    drop_database(postgres_server, name)


@pytest.fixture
def empty_postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of a database without a schema, for one test."""
    create_database(postgres_server, "without_schema", template="template0")
    yield database(postgres_server, "without_schema")
    drop_database(postgres_server, "without_schema")


def _soon_forget_who_does_not_log_in(url: str) -> None:
    """A task that is cancelled while it connects leaves its connection open (psycopg keeps it).

    Before it drops any database, the server waits for all who log in: for a minute by default.
    """
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("alter system set authentication_timeout = '10s'")
        conn.execute("select pg_reload_conf()")


def database(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def create_database(url: str, name: str, *, template: str) -> None:
    statement = sql.SQL("create database {} template {}")
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))


def drop_database(url: str, name: str) -> None:
    statement = sql.SQL("drop database if exists {} with (force)")
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(statement.format(sql.Identifier(name)))
