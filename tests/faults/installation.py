"""An installation whose every part is a process of its own, so that each can be killed.

Servers (PostgreSQL, Temporal, NATS) are held by the test and keep their ports; the API and the
agents are real `activity-core` commands. Senders note what they heard accepted.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import nats
import psutil
import psycopg
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError as StreamNotFoundError
from psycopg.rows import dict_row
from tests.api import STRUCTURED, Api, api_at, eventually
from tests.invariants import Connection, Published, unfinished, violations
from tests.program import COMMAND, Program, environment

from activity_core.adapters.postgres.migrate import migrate
from activity_core.embedded.directory import locked
from activity_core.embedded.nats import EmbeddedNats
from activity_core.embedded.ports import choose_ports
from activity_core.embedded.postgres import EmbeddedPostgres
from activity_core.embedded.temporal import EmbeddedTemporal

AGENTS = (
    "router",
    "flow",
    "intake",
    "starter",
    "worker",
    "keeper",
    "relay",
    "reconciler",
    "auditor",
)
SETTLED_WITHIN = 240.0
"""Seconds, on a busy machine: after several outages a workflow alone pauses for a minute."""

SURPRISE = '"level": "error"'
"""In a line of the log: an outage is expected and only warned of, an error is a bug."""

Server = EmbeddedPostgres | EmbeddedTemporal | EmbeddedNats


@dataclass
class Installation:
    """Everything that runs, by name."""

    servers: dict[str, Server]
    env: Mapping[str, str]
    home: Path
    api: Api
    programs: dict[str, Program] = field(default_factory=dict)
    accepted: set[tuple[str, str]] = field(default_factory=set)
    refused: int = 0

    async def start(
        self,
        name: str,
        *,
        called: str = "",
        settings: Mapping[str, str] = MappingProxyType({}),
        command: Sequence[str] = (COMMAND,),
    ) -> None:
        """Start the API or an agent; `called` something else if it is not the only one."""
        called = called or name
        self.programs[called] = await Program.start(
            name,
            log=self.home / f"{called}.log",
            env={**self.env, **settings},
            cwd=self.home,
            command=command,
        )

    async def kill(self, name: str) -> None:
        """SIGKILL for the API or an agent."""
        self.programs[name].assert_alive()
        await self.programs[name].kill()

    async def replace(self, name: str) -> None:
        """SIGKILL, and another in its place."""
        await self.kill(name)
        await self.start(name)

    async def kill_server(self, name: str) -> None:
        """SIGKILL for a server with all its processes."""
        for process in _family(self.servers[name]):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        await self.servers[name].process.stop()

    def freeze_server(self, name: str) -> None:
        """It keeps its connections and answers nobody."""
        for process in _family(self.servers[name]):
            process.send_signal(signal.SIGSTOP)

    def thaw_server(self, name: str) -> None:
        for process in _family(self.servers[name]):
            process.send_signal(signal.SIGCONT)

    async def send(self, event: Mapping[str, Any]) -> None:
        """Send until accepted, as a sender does; a refusal must say that it is not our fault."""
        while True:
            with suppress(httpx.TransportError):
                answer = await self.api.http.post("/v1/events", json=event, headers=STRUCTURED)
                if answer.is_success:
                    self.accepted.add((event["source"], event["id"]))
                    return
                assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
                assert answer.headers["retry-after"]
                self.refused += 1
            await asyncio.sleep(0.1)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with await psycopg.AsyncConnection.connect(
            str(self.env["ACTIVITY_CORE_DATABASE_URL"]), autocommit=True, row_factory=dict_row
        ) as connection:
            yield connection

    async def settled(self) -> None:
        """Wait until nothing is left to do."""
        left: Sequence[str] = ()

        async def look() -> bool:
            nonlocal left
            for program in self.programs.values():
                program.assert_alive()
            async with self.connection() as connection:
                left = await unfinished(connection)
            return not left

        try:
            await eventually(look, "everything has settled", SETTLED_WITHIN)
        except AssertionError as error:
            logs = "\n".join(f"{name}: {p.last_words}" for name, p in self.programs.items())
            raise AssertionError(f"{error}\n{left[:20]}\n{logs}") from None

    async def published(self) -> list[Published]:
        """The outbound stream from its beginning."""
        client = await nats.connect(str(self.env["ACTIVITY_CORE_NATS_URL"]))
        try:
            stream = client.jetstream()
            try:
                count = (await stream.stream_info("ACTIVITY_CORE_EVENTS")).state.messages
            except StreamNotFoundError:
                return []
            reading = await stream.subscribe(
                ">",
                stream="ACTIVITY_CORE_EVENTS",
                ordered_consumer=True,
                config=ConsumerConfig(deliver_policy=DeliverPolicy.ALL),
            )
            found = []
            for _ in range(count):
                message = await reading.next_msg(timeout=10)
                found.append(Published((message.headers or {})["Nats-Msg-Id"], message.data))
            await reading.unsubscribe()
            return found
        finally:
            await client.close()

    async def assert_invariants(self) -> list[Published]:
        """Everything settled, and nothing lost, doubled or out of order; gives what left."""
        await self.settled()
        for name, program in self.programs.items():
            program.assert_alive()
            surprises = [line for line in program.output.splitlines() if SURPRISE in line]
            assert not surprises, f"{name}: {surprises[:3]}"
        published = await self.published()
        async with self.connection() as connection:
            found = await violations(connection, published, self.accepted)
        assert not found, "\n".join(found[:20])
        return published


@asynccontextmanager
async def installation(home: Path, **settings: str) -> AsyncIterator[Installation]:
    """An installation that is ready, and gone afterwards."""
    async with locked(home / "data") as data:
        names = ["postgres", "temporal", "nats", "monitor", "api"]
        ports = choose_ports(names, demanded={}, preferred={})
        monitor = ports["monitor"]
        servers: dict[str, Server] = {
            "postgres": EmbeddedPostgres(data, ports["postgres"]),
            "temporal": EmbeddedTemporal(data, ports["temporal"]),
            "nats": EmbeddedNats(data, ports["nats"], monitor_port=monitor),
        }
        programs: dict[str, Program] = {}
        try:
            await asyncio.gather(*(server.start() for server in servers.values()))
            env = environment(
                ACTIVITY_CORE_DATABASE_URL=servers["postgres"].url,  # type: ignore[union-attr]
                ACTIVITY_CORE_TEMPORAL_ADDRESS=servers["temporal"].address,  # type: ignore[union-attr]
                ACTIVITY_CORE_NATS_URL=servers["nats"].url,  # type: ignore[union-attr]
                ACTIVITY_CORE_NATS_MONITOR_URL=f"http://127.0.0.1:{monitor}",
                ACTIVITY_CORE_PORT=str(ports["api"]),
                ACTIVITY_CORE_PUBLIC_URL=f"http://127.0.0.1:{ports['api']}",
                ACTIVITY_CORE_UNLISTED_SENDERS="allow",
                ACTIVITY_CORE_HTTP_ALLOW='["127.0.0.0/8"]',
                **settings,
            )
            await asyncio.to_thread(migrate, env["ACTIVITY_CORE_DATABASE_URL"])
            async with api_at(f"http://127.0.0.1:{ports['api']}") as api:
                all_of_it = Installation(servers, env, home, api, programs)
                await asyncio.gather(*map(all_of_it.start, ("api", *AGENTS)))
                await api.until_ready()
                yield all_of_it
        finally:
            await asyncio.gather(*(program.kill() for program in programs.values()))
            await asyncio.gather(*(server.process.stop() for server in servers.values()))


def _family(server: Server) -> list[psutil.Process]:
    """The server's process and its children, parents first."""
    parent = psutil.Process(server.process.pid)
    return [parent, *parent.children(recursive=True)]
