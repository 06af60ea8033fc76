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
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

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
_TOGETHER = ("tests/e2e/", "tests/faults/", "kafka", "rabbitmq")
"""In the paths of tests that share an installation or a server which is slow to start."""


class Groups(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """With several processes (`-n`): a file stays together, and so does what shares a server.

    Not `--dist loadgroup`: pytest 9.2 takes no notice of the groups that pytest-xdist 3.8 names.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return next((part for part in _TOGETHER if part in path), path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    return Groups(config, log)


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
