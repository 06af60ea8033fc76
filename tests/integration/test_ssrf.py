"""Requests that somebody else words: a context source, a task, a key set. None leads inside.

What would be let in is tried for real: a server on 127.0.0.1 that must not hear of it.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from activity_core.adapters.http.guard import guarded_client
from activity_core.adapters.http.key_sets import HttpKeySets
from activity_core.adapters.http.performer import HttpPerformer
from activity_core.adapters.http.source import HttpSource
from activity_core.adapters.memory.clock import ManualClock
from activity_core.adapters.memory.task_performer import MemoryAttempt
from activity_core.core.definition.connection import Connection
from activity_core.core.definition.source import ContextSourceConfig
from activity_core.core.errors import ActivityCoreError, NotFoundError
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.task import TaskInstance, TaskStatus
from activity_core.ports.context_source import SourceRequest

PUBLIC, INSIDE = "93.184.216.34", "127.0.0.1"
Asked = Callable[[httpx.AsyncClient, str], Awaitable[Any]]


async def by_source(client: httpx.AsyncClient, url: str) -> Any:
    config = ContextSourceConfig.model_validate({"http": {"url": url}, "timeout": "2s"})
    return await HttpSource(client).fetch(SourceRequest("s", config, None, {}))


async def by_task(client: httpx.AsyncClient, url: str) -> Any:
    async def none(name: str) -> Connection:
        raise NotFoundError(name)

    named = ("task-1", "run-1", "d", 1, "r", "t", 0, TaskKind.HTTP, "T", TaskStatus.RUNNING)
    task = TaskInstance(*named, {"method": "GET", "url": url}, traceparent="")
    return await HttpPerformer(client, none, lambda _task: "").perform(task, MemoryAttempt())


async def by_key_set(client: httpx.AsyncClient, url: str) -> Any:
    # Allowed in clear here, so that the guard alone has to refuse it.
    in_clear = [urlsplit(url).hostname or "", "0.0.0.0/0", "::/0"]
    return await HttpKeySets(client, ManualClock(), in_clear).key_set(url)


WAYS: Sequence[Asked] = (by_source, by_task, by_key_set)


@dataclass
class Server:
    """Answers everything alike, and remembers what it was asked for and how often."""

    answer: bytes = b'HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"keys":[]}'
    port: int = 0
    connections: int = 0
    heads: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(self.answer)
            await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(host: str = INSIDE, port: int = 0) -> AsyncIterator[Server]:
    server = Server()
    async with await asyncio.start_server(server.serve, host, port) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as server:
        yield server


@pytest.fixture(scope="module")
async def closed() -> AsyncIterator[httpx.AsyncClient]:
    """What may go to the internet alone."""
    async with guarded_client([]) as client:
        yield client


@pytest.fixture(scope="module")
async def local() -> AsyncIterator[httpx.AsyncClient]:
    """What may go to 127.0.0.1 besides."""
    async with guarded_client(["127.0.0.1/32"]) as client:
        yield client


class Names:
    """A name server that answers from a list, each time the next; the last answer stays."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    def __call__(
        self, host: str | bytes, port: str | int | None, *more: Any, **named: Any
    ) -> list[Any]:
        if host != "rebind.example":
            return _REAL(host, port, *more, **named)
        self.asked += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        number = int(port or 0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, number)) for ip in answer]


_REAL: Callable[..., list[Any]] = socket.getaddrinfo


@pytest.mark.parametrize("ask", WAYS)
@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "127.1", "0x7f000001", "0177.0.0.1", "2130706433"),
        *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "LOCALHOST."),  # noqa: S104 - refused
    ],
)
async def test_no_spelling_of_this_machine_is_reached(
    ask: Asked, closed: httpx.AsyncClient, host: str, server: Server
):
    with pytest.raises(ActivityCoreError, match=r"not public|has no address|no http|Invalid IPv4"):
        await ask(closed, f"http://{host}:{server.port}/")
    assert server.connections == 0


@pytest.mark.parametrize("ask", WAYS)
@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("[fe80::1]", "[fc00::1]", "[fec0::1]", "[::1]", "[::]", "[ff02::1]"),
        *("[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2002:a9fe:a9fe::1]"),
    ],
)
async def test_private_networks_are_refused_before_anybody_is_asked(
    ask: Asked, closed: httpx.AsyncClient, address: str
):
    with pytest.raises(ActivityCoreError, match="not public"):
        await ask(closed, f"http://{address}/")


@pytest.mark.parametrize("ask", WAYS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_not_a_way(
    ask: Asked, local: httpx.AsyncClient, status: int, server: Server
):
    """Even where the target itself might be asked."""
    server.answer = (
        f"HTTP/1.1 {status} Elsewhere\r\nlocation: http://127.0.0.1:{server.port}/inside\r\n"
        "content-length: 0\r\n\r\n"
    ).encode()
    with pytest.raises(ActivityCoreError, match=f"answer(ed|s) {status}"):
        await ask(local, f"http://127.0.0.1:{server.port}/outside")
    assert [head.split()[1] for head in server.heads] == ["/outside"]


@pytest.mark.parametrize("ask", WAYS)
async def test_a_name_is_asked_once_and_what_was_checked_is_reached(
    ask: Asked, local: httpx.AsyncClient, server: Server, monkeypatch: pytest.MonkeyPatch
):
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    monkeypatch.setattr(socket, "getaddrinfo", names)
    async with serving("127.0.0.2", server.port) as other:
        await ask(local, f"http://rebind.example:{server.port}/")
    assert (names.asked, server.connections, other.connections) == (1, 1, 0)
    assert f"host: rebind.example:{server.port}" in server.heads[0].lower()


@pytest.mark.parametrize("ask", WAYS)
@pytest.mark.parametrize("answer", [[INSIDE], [PUBLIC, INSIDE], [INSIDE, PUBLIC]])
async def test_one_private_address_is_enough_to_refuse_a_name(
    ask: Asked,
    closed: httpx.AsyncClient,
    answer: list[str],
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(socket, "getaddrinfo", Names(answer))
    with pytest.raises(ActivityCoreError, match=f"rebind.example is at {INSIDE}"):
        await ask(closed, f"http://rebind.example:{server.port}/")
    assert server.connections == 0


@pytest.mark.parametrize("ask", WAYS)
async def test_a_name_that_turns_private_is_refused_from_then_on(
    ask: Asked, local: httpx.AsyncClient, server: Server, monkeypatch: pytest.MonkeyPatch
):
    """No connection is kept, so each request is checked anew."""
    monkeypatch.setattr(socket, "getaddrinfo", Names(["127.0.0.1"], ["127.0.0.2"]))
    await ask(local, f"http://rebind.example:{server.port}/")
    with pytest.raises(ActivityCoreError, match=r"is at 127\.0\.0\.2"):
        await ask(local, f"http://rebind.example:{server.port}/")
    assert server.connections == 1
