"""One installation for all of these tests: `activity-core dev` as a user starts it."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
import psycopg
import pytest
from nats.aio.client import Client as NatsClient
from temporalio.client import Client
from tests.api import Api, api_at
from tests.e2e.plugins import install_plugins
from tests.outside import Outside, outside_world
from tests.program import Finished, Program, environment, run
from tests.unit.proofs import SECRET

from activity_core.embedded.ports import choose_ports


@dataclass(frozen=True)
class Servers:
    """Where the servers of a data directory are."""

    data: Path

    @property
    def _ports(self) -> Mapping[str, int]:
        ports: Mapping[str, int] = json.loads((self.data / "ports.json").read_text())
        return ports

    @property
    def postgres(self) -> str:
        password = (self.data / "postgres" / "password").read_text()
        return f"postgresql://activity_core:{password}@127.0.0.1:{self._ports['postgres']}/activity_core"

    @property
    def temporal(self) -> str:
        return f"127.0.0.1:{self._ports['temporal']}"

    @property
    def nats(self) -> str:
        return f"nats://127.0.0.1:{self._ports['nats']}"


@dataclass(frozen=True)
class Stack:
    """`dev` while it runs."""

    program: Program
    api: Api
    servers: Servers

    async def cli(self, *arguments: str) -> Finished:
        """A command of the command line against this API."""
        return await run(*arguments, env=environment(ACTIVITY_CORE_URL=self.api.url))

    async def said(self, *arguments: str) -> Any:
        """The JSON that a command prints; it must end with 0."""
        done = await self.cli(*arguments, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)


def free_port() -> int:
    return choose_ports(["api"], demanded={}, preferred={})["api"]


@pytest.fixture(scope="session")
def outside() -> Iterator[Outside]:
    with outside_world() as world:
        yield world


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory, outside: Outside) -> AsyncIterator[Stack]:
    home = tmp_path_factory.mktemp("dev")
    env = environment(
        PYTHONPATH=str(install_plugins(home / "plugins")),
        TMPDIR=str(home),
        ACTIVITY_CORE_CONFIG=json.dumps({"outside": outside.url}),
        OUTSIDE_TOKEN="a-secret-of-the-outside",
        WEBHOOK_SECRET=SECRET,
        ACTIVITY_CORE_EXTERNAL_TASK_QUEUES='["abandoned"]',
    )
    port = free_port()
    arguments = ("dev", "--data-dir", str(home / "data"), "--port", str(port))
    program = await Program.start(*arguments, log=home / "dev.log", env=env)
    try:
        async with api_at(f"http://127.0.0.1:{port}") as api:
            await program.says("activity-core is ready", api.url)
            await api.until_ready(within=1)
            yield Stack(program, api, Servers(home / "data"))
    finally:
        assert await program.stop() == 0, program.last_words
    assert "Traceback" not in program.output, program.output


@pytest.fixture
async def sql(stack: Stack) -> AsyncIterator[psycopg.AsyncConnection[dict[str, Any]]]:
    async with await psycopg.AsyncConnection.connect(
        stack.servers.postgres, autocommit=True, row_factory=psycopg.rows.dict_row
    ) as connection:
        yield connection


@pytest.fixture(scope="session")
async def temporal(stack: Stack) -> Client:
    return await Client.connect(stack.servers.temporal)


@pytest.fixture(scope="session")
async def broker(stack: Stack) -> AsyncIterator[NatsClient]:
    client = await nats.connect(stack.servers.nats)
    yield client
    await client.close()
