"""Context by HTTP for real: what is sent, and what comes back."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from tests.outside import Outside, Reply, outside_world

from activity_core.adapters.http.exchange import MAX_BYTES
from activity_core.adapters.http.guard import guarded_client
from activity_core.adapters.http.source import HttpSource
from activity_core.core.definition.connection import Connection
from activity_core.core.definition.source import ContextSourceConfig
from activity_core.core.jsontext import JsonValue
from activity_core.core.run.errors import ContextUnavailableError
from activity_core.ports.context_source import SourceRequest

VARIABLES: dict[str, JsonValue] = {"event": {"data": {"id": "a/b", "n": 7}}, "slot": ""}


@pytest.fixture(scope="module")
def world() -> Iterator[Outside]:
    with outside_world() as world:
        yield world


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with guarded_client(["127.0.0.1"]) as client:
        yield client


def connection(world: Outside) -> Connection:
    return Connection.model_validate(
        {
            "id": "world",
            "http": {"base_url": world.url + "/api/", "headers": {"X-Key": "env:WORLD_KEY"}},
        }
    )


class Sources:
    def __init__(self, client: httpx.AsyncClient, world: Outside) -> None:
        self._source = HttpSource(client)
        self._world = world

    async def fetch(self, *, connected: bool = False, **http: Any) -> JsonValue:
        config = ContextSourceConfig.model_validate({"http": http, "timeout": "2s"})
        there = connection(self._world) if connected else None
        return await self._source.fetch(SourceRequest("s", config, there, VARIABLES))


@pytest.fixture
def sources(client: httpx.AsyncClient, world: Outside, monkeypatch: pytest.MonkeyPatch) -> Sources:
    monkeypatch.setenv("WORLD_KEY", "k")
    return Sources(client, world)


async def test_a_source_is_rendered_and_its_json_is_the_answer(sources: Sources, world: Outside):
    world.answers("/api/find?n=7", Reply(200, [1, {"a": None}]))
    answer = await sources.fetch(
        connected=True,
        connection="world",
        method="POST",
        url="/find?n=${event.data.n}",
        headers={"x-n": "n${event.data.n}"},
        json={"n": "${event.data.n}"},
    )
    assert answer == [1, {"a": None}]
    [asked] = world.requests("/api/find?n=7")
    assert (asked.method, asked.body, asked.headers["x-n"]) == ("POST", {"n": 7}, "n7")
    assert asked.headers["x-key"] == "k"
    assert asked.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("status", "why"),
    [(204, "not JSON"), (302, "answered 302"), (404, "answered 404"), (503, "answered 503")],
)
async def test_what_is_no_answer(sources: Sources, world: Outside, status: int, why: str):
    world.answers(f"/{status}", Reply(status, "x"))
    with pytest.raises(ContextUnavailableError, match=why):
        await sources.fetch(url=f"{world.url}/{status}")


async def test_headers_may_hold_any_text(sources: Sources, world: Outside):
    world.answers("/umlaut", Reply(200))
    await sources.fetch(url=f"{world.url}/umlaut", headers={"x-name": "Grüße"})
    [asked] = world.requests("/umlaut")
    assert asked.headers["x-name"].encode("latin-1").decode() == "Grüße"


async def test_a_header_cannot_smuggle_another(sources: Sources, world: Outside):
    world.answers("/smuggled", Reply(200))
    with pytest.raises(ContextUnavailableError):
        await sources.fetch(url=f"{world.url}/smuggled", headers={"x-name": "a\r\nx-evil: 1"})
    assert world.requests("/smuggled") == []


async def test_an_answer_that_is_too_long(sources: Sources, world: Outside):
    world.answers("/long", Reply(200, "x" * MAX_BYTES))
    with pytest.raises(ContextUnavailableError, match="longer than"):
        await sources.fetch(url=f"{world.url}/long")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:1/", "refused|attempts failed"),
        ("http://127.0.0.2:1/", "not public"),
        ("ftp://127.0.0.1/", "no http address"),
        ("http://127.0.0.1:99999999/", "no http address"),
        ("http://127.0.0.1/\x00", "no http address"),
    ],
)
async def test_targets_that_cannot_be_asked(sources: Sources, url: str, why: str):
    with pytest.raises(ContextUnavailableError, match=why):
        await sources.fetch(url=url)


async def test_a_missing_secret_is_told_by_its_name(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("WORLD_KEY")
    with pytest.raises(ContextUnavailableError, match="env:WORLD_KEY"):
        await sources.fetch(connected=True, connection="world", url="/x")
