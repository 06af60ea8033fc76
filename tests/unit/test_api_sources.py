"""Event sources and event types over HTTP: looked at and kept in order, without their secrets."""

from datetime import timedelta

import httpx
import pytest
from tests.unit.memory_system import STRUCTURED, YAML, MemorySystem, event
from tests.unit.test_api_events import problem

from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.entrances import (
    EventTypeDetail,
    EventTypeItem,
    SourceDetail,
    SourceItem,
)

ENTRANCES = """\
kind: source
id: shop
title: The shop
owner: sales
webhook:
  verify: {hmac: {secrets: ["env:SHOP_SECRET"], header: X-Signature}}
  map: {type: '"order.created"', subject: body.id}
allow: {types: [order.*]}
rate: {per_second: 2.5, burst: 10}
---
kind: source
id: crm
api: {keys: [ann]}
schema: required
---
kind: source
id: parts
enabled: false
kafka: {topics: [parts]}
---
kind: event_type
id: order
type: order.created
owner: sales
versions:
  - {type: object}
  - {type: object, properties: {amount: {type: integer}}}
compatibility: none
redact: [/card]
"""
KEYS = {"ann": "secret-of-ann"}


@pytest.fixture
async def system() -> MemorySystem:
    system = MemorySystem()
    async with as_ann(system) as client:
        applied = await client.put("/v1/definitions", content=ENTRANCES, headers=YAML)
        assert applied.is_success, applied.text
    return system


def as_ann(system: MemorySystem) -> httpx.AsyncClient:
    client = system.client(keys=KEYS)
    client.headers["authorization"] = "Bearer secret-of-ann"
    return client


async def test_sources_are_listed_by_id_and_page(system: MemorySystem) -> None:
    async with as_ann(system) as client:
        answer = (await client.get("/v1/sources")).json()
        crm, parts, shop = PageOf[SourceItem].model_validate(answer).items
        assert [each.source_id for each in (crm, parts, shop)] == ["crm", "parts", "shop"]
        assert (crm.way, crm.verify, crm.schema_, crm.status) == ("api", None, "required", "active")
        assert (parts.way, parts.verify, parts.status) == ("kafka", None, "disabled")
        assert (shop.way, shop.verify, shop.schema_) == ("webhook", "hmac", "validate")
        assert shop.allow.types == ["order.*"]
        assert shop.rate is not None
        assert (shop.rate.per_second, shop.rate.burst) == (2.5, 10)
        first = (await client.get("/v1/sources?limit=2")).json()
        rest = (await client.get("/v1/sources", params={"cursor": first["next"]})).json()
        assert first["items"] + rest["items"] == answer["items"]
        assert rest["next"] is None
        problem(await client.get("/v1/sources?way=api"), 400, "bad_input")


async def test_a_source_is_shown_without_its_proof(system: MemorySystem) -> None:
    async with as_ann(system) as client:
        answer = await client.get("/v1/sources/shop")
        shop = SourceDetail.model_validate(answer.json())
        assert shop.settings == {"map": {"type": '"order.created"', "subject": "body.id"}}
        assert (shop.title, shop.owner, shop.version) == ("The shop", "sales", 1)
        assert "SHOP_SECRET" not in answer.text
        assert "X-Signature" not in answer.text
        keyed = SourceDetail.model_validate((await client.get("/v1/sources/crm")).json())
        assert keyed.settings == {"keys": ["ann"]}
        problem(await client.get("/v1/sources/none"), 404, "not_found")


async def test_pausing_says_who_since_when_and_why(system: MemorySystem) -> None:
    async with as_ann(system) as client:
        at = system.clock.advance(timedelta(minutes=1))
        body = {"reason": "they send nonsense"}
        answer = await client.post("/v1/sources/crm/pause", json=body)
        paused = SourceItem.model_validate(answer.json())
        assert (paused.status, paused.paused_by, paused.reason) == ("paused", "ann", body["reason"])
        assert paused.paused_since == at.isoformat().replace("+00:00", "Z")
        system.clock.advance(timedelta(seconds=1))
        refused = await client.post("/v1/events", json=event(), headers=STRUCTURED)
        problem(refused, 503, "source_paused")
        assert int(refused.headers["retry-after"]) > 0
        resumed = SourceItem.model_validate((await client.post("/v1/sources/crm/resume")).json())
        assert (resumed.status, resumed.paused_by, resumed.paused_since) == ("active", None, None)
        system.clock.advance(timedelta(seconds=1))
        for action in ("pause", "resume"):
            problem(await client.post(f"/v1/sources/none/{action}"), 404, "not_found")
            unknown = await client.post(f"/v1/sources/crm/{action}", json={"why": "x"})
            problem(unknown, 400, "bad_input")


async def test_a_retired_source_sends_nothing_more(system: MemorySystem) -> None:
    async with as_ann(system) as client:
        retired = SourceItem.model_validate((await client.delete("/v1/sources/shop")).json())
        assert retired.status == "retired"
        problem(await client.post("/v1/sources/shop/pause"), 409, "conflict")
        problem(await client.delete("/v1/sources/none"), 404, "not_found")
        assert (await client.get("/v1/sources/shop")).json()["status"] == "retired"
        problem(await client.post("/v1/hooks/shop", content=b"{}"), 404, "not_found")


async def test_event_types(system: MemorySystem) -> None:
    async with as_ann(system) as client:
        answer = (await client.get("/v1/event-types?limit=1")).json()
        [item] = PageOf[EventTypeItem].model_validate(answer).items
        assert (item.event_type_id, item.type, item.status) == ("order", "order.created", "active")
        assert (item.schemas, item.redact, item.compatibility) == (2, ["/card"], "none")
        shown = EventTypeDetail.model_validate((await client.get("/v1/event-types/order")).json())
        assert shown.versions[0] == {"type": "object"}
        assert len(shown.versions) == 2
        problem(await client.get("/v1/event-types/none"), 404, "not_found")
        retired = (await client.delete("/v1/event-types/order")).json()
        assert EventTypeItem.model_validate(retired).status == "retired"
        problem(await client.delete("/v1/event-types/none"), 404, "not_found")
