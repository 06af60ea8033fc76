"""Refusals over HTTP: everybody who was turned away can be told why."""

import httpx
import pytest
from tests.unit.memory_system import BATCH, STRUCTURED, YAML, MemorySystem, event
from tests.unit.test_api_events import problem

from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.events import EventExplained, EventRefused, RefusalItem

SOURCES = """\
kind: source
id: shop
api: {keys: [bot]}
allow: {types: [order.*]}
"""
UNSUPPORTED = "media_type_unsupported"
KEYS = {"ann": "secret-of-ann", "bot": "secret-of-bot"}
AS_ANN = {"authorization": "Bearer secret-of-ann"}
AS_BOT = {"authorization": "Bearer secret-of-bot"}


@pytest.fixture
async def system() -> MemorySystem:
    system = MemorySystem(unlisted=False)
    async with system.client() as client:
        assert (await client.put("/v1/definitions", content=SOURCES, headers=YAML)).is_success
    return system


async def listed(client: httpx.AsyncClient, **filters: str) -> list[RefusalItem]:
    answer = await client.get("/v1/refusals", params=filters, headers=AS_ANN)
    return PageOf[RefusalItem].model_validate(answer.json()).items


async def test_everything_that_is_turned_away_is_listed(system: MemorySystem) -> None:
    async with system.client(keys=KEYS) as client:
        one = await client.post("/v1/events", json=event(), headers=AS_ANN | STRUCTURED)
        problem(one, 403, "forbidden")
        batch = [event("good"), event("bad", type="user.created"), {}]
        many = await client.post("/v1/events", json=batch, headers=AS_BOT | BATCH)
        assert many.status_code == 202
        problem(await client.post("/v1/events", content=b"{", headers=AS_BOT), 415, UNSUPPORTED)
        forged = {"authorization": "Bearer wrong"}
        problem(await client.post("/v1/events", json=event(), headers=forged), 401, "unauthorised")
        assert [(each.sender, each.code, each.event_id) for each in await listed(client)] == [
            ("", "unauthorised", None),
            ("bot", UNSUPPORTED, None),
            ("bot", "event_invalid", None),
            ("bot", "forbidden", "bad"),
            ("ann", "forbidden", None),
        ]
        assert [each.event_id for each in await listed(client, event_id="bad")] == ["bad"]
        assert len(await listed(client, sender="bot")) == 3
        assert len(await listed(client, code="forbidden", sender="ann")) == 1
        assert len(await listed(client, source="/shop", via="http")) == 1
        assert await listed(client, via="webhook") == []
        unknown = await client.get("/v1/refusals?id=bad", headers=AS_ANN)
        problem(unknown, 400, "bad_input")


async def test_the_list_pages(system: MemorySystem) -> None:
    async with system.client(keys=KEYS) as client:
        for _ in range(3):
            await client.post("/v1/events", json=event(), headers=AS_ANN | STRUCTURED)
        first = (await client.get("/v1/refusals?limit=2", headers=AS_ANN)).json()
        rest = await client.get("/v1/refusals", params={"cursor": first["next"]}, headers=AS_ANN)
        assert (len(first["items"]), len(rest.json()["items"])) == (2, 1)


async def test_an_event_that_never_came_in_is_explained(system: MemorySystem) -> None:
    async with system.client(keys=KEYS) as client:
        foreign = event("x", type="user.created")
        await client.post("/v1/events", json=foreign, headers=AS_BOT | STRUCTURED)
        for query in ({"id": "x"}, {"id": "x", "source": "/shop"}):
            answer = await client.get("/v1/events/explain", params=query, headers=AS_ANN)
            explained = EventRefused.model_validate(answer.json())
            assert (explained.id, explained.source) == ("x", query.get("source"))
            assert [each.code for each in explained.refusals] == ["forbidden"]
        other = {"id": "x", "source": "/other"}
        answer = await client.get("/v1/events/explain", params=other, headers=AS_ANN)
        problem(answer, 404, "not_found")


async def test_refusals_stand_beside_what_came_in(system: MemorySystem) -> None:
    async with system.client(keys=KEYS) as client:
        for body in (event("y"), event("y", data=2), event("y", source="/b", type="user.created")):
            await client.post("/v1/events", json=body, headers=AS_BOT | STRUCTURED)
        answer = await client.get("/v1/events/explain", params={"id": "y"}, headers=AS_ANN)
        explained = EventExplained.model_validate(answer.json())
        assert explained.state == "pending"
        assert [(each.code, each.source) for each in explained.refusals] == [
            ("event_conflict", "/shop")
        ]
