"""Events over HTTP: accepted once and durably, or refused with nothing stored."""

import gzip
import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.unit.memory_system import BATCH, DEFINITIONS, STRUCTURED, YAML, MemorySystem, event

from activity_core.api.parts import ApiLimits
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.events import AcceptedBatch, EventDetail, EventExplained, EventItem
from activity_core.core.errors import UnavailableError
from activity_core.ports.inbox import Acceptance, Arrival

ENTRANCES = """\
kind: source
id: shop
api: {keys: [shop]}
allow: {types: [order.*]}
---
kind: event_type
id: paid
type: order.paid
versions: [{type: object, properties: {amount: {type: integer}}}]
"""
KEYS = {"shop": "secret-of-shop"}


@pytest.fixture
def system() -> MemorySystem:
    return MemorySystem()


async def send(client: httpx.AsyncClient, *events: dict[str, Any]) -> None:
    for each in events:
        assert (await client.post("/v1/events", json=each, headers=STRUCTURED)).is_success


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["code"] == code
    assert document["type"] == f"urn:activity-core:error:{code}"
    assert document["status"] == status
    assert document["detail"]
    return document


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (STRUCTURED, event()),
        ({"content-type": "Application/CloudEvents+JSON; charset=utf-8"}, event()),
        ({"content-type": "application/json"}, event()),
        (
            {"content-type": "application/json"},
            {"event_id": "o-1", "source": "/shop", "type": "order.created", "payload": {}},
        ),
        (
            {
                "content-type": "application/json",
                "ce-specversion": "1.0",
                "ce-id": "o-1",
                "ce-source": "/shop",
                "ce-type": "order.created",
            },
            {"amount": 120},
        ),
    ],
)
async def test_one_event_in_every_mode(
    system: MemorySystem, headers: dict[str, str], body: dict[str, Any]
) -> None:
    async with system.client() as client:
        answer = await client.post("/v1/events", json=body, headers=headers)
        assert answer.status_code == 202
        assert answer.json() == {"source": "/shop", "id": "o-1", "status": "accepted"}
        assert await system.inbox.depth() == 1


async def test_the_same_event_again_is_a_duplicate_with_the_state_of_the_first(
    system: MemorySystem,
) -> None:
    async with system.client() as client:
        await client.put("/v1/definitions", content=DEFINITIONS, headers=YAML)
        await send(client, event())
        again = await client.post("/v1/events", json=event(), headers=STRUCTURED)
        assert again.status_code == 200
        first = again.json()
        assert datetime.fromisoformat(first.pop("received_at")) == system.clock.now()
        assert first == {
            "source": "/shop",
            "id": "o-1",
            "status": "duplicate",
            "state": "pending",
            "runs": [],
        }
        await system.work()
        routed = (await client.post("/v1/events", json=event(), headers=STRUCTURED)).json()
        assert routed["state"] == "routed"
        assert set(routed["runs"]) == set(system.state.tables.runs)
        assert len(routed["runs"]) == 2


async def test_the_same_id_with_another_body_is_a_conflict(system: MemorySystem) -> None:
    async with system.client() as client:
        await send(client, event())
        other = event(data={"amount": 1})
        answer = await client.post("/v1/events", json=other, headers=STRUCTURED)
        assert "o-1" in problem(answer, 409, "event_conflict")["subject"]
        [kept] = system.state.tables.events.values()
        assert kept.envelope.data == {"amount": 120}


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        (STRUCTURED, b"", 400, "json_malformed"),
        (STRUCTURED, b"{", 400, "json_malformed"),
        (STRUCTURED, b"\xff", 400, "json_malformed"),
        (STRUCTURED, b"[" * 100 + b"]" * 100, 400, "json_malformed"),
        (STRUCTURED, b'{"id": "1", "id": "2"}', 400, "json_malformed"),
        (STRUCTURED, b'{"data": NaN}', 400, "json_malformed"),
        (STRUCTURED, b'{"data": 1e999}', 400, "json_malformed"),
        (STRUCTURED, b"[]", 400, "event_invalid"),
        (STRUCTURED, json.dumps(event(source="")).encode(), 400, "event_invalid"),
        (STRUCTURED, b'{"specversion": "1.0", "source": "/s", "type": "t"}', 400, "event_invalid"),
        (BATCH, b"{}", 400, "event_invalid"),
        (BATCH, b"[{}, 1]", 400, "bad_input"),
        ({"content-type": "text/html"}, b"<p>", 415, "media_type_unsupported"),
        ({}, b"{}", 415, "media_type_unsupported"),
        (
            STRUCTURED | {"content-encoding": "gzip"},
            gzip.compress(json.dumps(event()).encode()),
            415,
            "media_type_unsupported",
        ),
    ],
)
async def test_what_is_no_event_is_refused_and_nothing_is_stored(
    system: MemorySystem, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    async with system.client() as client:
        problem(await client.post("/v1/events", content=body, headers=headers), status, code)
        assert not system.state.tables.events


async def test_a_body_is_read_no_further_than_the_limit(system: MemorySystem) -> None:
    pieces = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal pieces
        while True:
            pieces += 1
            yield b" " * 100

    async with system.client(limits=ApiLimits(max_body_bytes=1_000)) as client:
        streamed = await client.post("/v1/events", content=endless(), headers=STRUCTURED)
        problem(streamed, 413, "payload_too_large")
        assert pieces == 11
        announced = await client.post("/v1/events", content=b" " * 1_001, headers=STRUCTURED)
        problem(announced, 413, "payload_too_large")
        fits = json.dumps(event()).encode().ljust(1_000)
        assert (
            await client.post("/v1/events", content=fits, headers=STRUCTURED)
        ).status_code == 202


async def test_the_depth_limit_is_the_settings(system: MemorySystem) -> None:
    async with system.client(limits=ApiLimits(max_json_depth=3)) as client:
        deep = event(data={"a": {"b": 1}})
        answer = await client.post("/v1/events", json=deep, headers=STRUCTURED)
        assert answer.status_code == 202
        deeper = event(data={"a": {"b": {"c": 1}}})
        answer = await client.post("/v1/events", json=deeper, headers=STRUCTURED)
        problem(answer, 400, "json_malformed")


async def test_every_event_of_a_batch_has_its_own_result(system: MemorySystem) -> None:
    async with system.client() as client:
        await send(client, event("old"), event("taken"))
        batch = [event("new"), {"id": "x"}, event("old"), event("taken", data=1), event("new")]
        answer = await client.post("/v1/events", json=batch, headers=BATCH)
        assert answer.status_code == 202
        items = answer.json()["items"]
        assert [item["status"] for item in items] == [
            "accepted",
            "invalid",
            "duplicate",
            "conflict",
            "duplicate",
        ]
        assert [item["id"] for item in items] == ["new", None, "old", "taken", "new"]
        assert items[1]["error"]["code"] == "event_invalid"
        assert items[3]["error"]["code"] == "event_conflict"
        assert await system.inbox.depth() == 3


async def test_a_batch_of_nothing_new(system: MemorySystem) -> None:
    async with system.client() as client:
        await send(client, event())
        duplicates = await client.post("/v1/events", json=[event(), {}], headers=BATCH)
        assert duplicates.status_code == 200
        empty = await client.post("/v1/events", json=[], headers=BATCH)
        assert (empty.status_code, empty.json()) == (200, {"items": []})
        nothing = await client.post("/v1/events", json=[{}, {}], headers=BATCH)
        assert len(problem(nothing, 400, "bad_input")["items"]) == 2


async def test_every_refused_event_of_a_batch_says_why(system: MemorySystem) -> None:
    async with system.client(keys=KEYS) as client:
        client.headers["authorization"] = "Bearer secret-of-shop"
        await client.put("/v1/definitions", content=ENTRANCES, headers=YAML)
        batch = [
            event("good"),
            event("foreign", type="user.created"),
            event("unfit", type="order.paid", data={"amount": "1"}),
        ]
        answer = await client.post("/v1/events", json=batch, headers=BATCH)
        assert answer.status_code == 202
        good, foreign, unfit = AcceptedBatch.model_validate(answer.json()).items
        assert (good.status, good.error) == ("accepted", None)
        assert (foreign.id, foreign.status) == ("foreign", "refused")
        assert foreign.error is not None
        assert (foreign.error.code, foreign.error.pointers) == ("forbidden", None)
        assert unfit.status == "refused"
        assert unfit.error is not None
        assert (unfit.error.code, unfit.error.pointers) == ("schema_mismatch", ["/amount"])
        nothing = await client.post("/v1/events", json=batch[1:], headers=BATCH)
        items = problem(nothing, 400, "bad_input")["items"]
        assert [item["id"] for item in items] == ["foreign", "unfit"]


async def test_one_refused_event_is_a_problem(system: MemorySystem) -> None:
    async with system.client(keys=KEYS) as client:
        client.headers["authorization"] = "Bearer secret-of-shop"
        await client.put("/v1/definitions", content=ENTRANCES, headers=YAML)
        foreign = event(type="user.created")
        answer = await client.post("/v1/events", json=foreign, headers=STRUCTURED)
        problem(answer, 403, "forbidden")
        unfit = event(type="order.paid", data={"amount": "1"})
        answer = await client.post("/v1/events", json=unfit, headers=STRUCTURED)
        assert problem(answer, 422, "schema_mismatch")["pointers"] == ["/amount"]
        assert not system.state.tables.events


async def test_a_full_inbox_asks_to_come_again(system: MemorySystem) -> None:
    system.max_waiting = 2
    async with system.client() as client:
        await send(client, event("1"), event("2"))
        system.clock.advance(timedelta(seconds=1))
        answer = await client.post("/v1/events", json=event("3"), headers=STRUCTURED)
        problem(answer, 429, "overloaded")
        assert int(answer.headers["retry-after"]) >= 1
        assert await system.inbox.depth() == 2


@pytest.mark.parametrize("name", ["ce-id", "content-type", "ce-type"])
async def test_a_header_that_comes_twice_has_no_meaning(system: MemorySystem, name: str) -> None:
    binary = {
        "content-type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": "o-1",
        "ce-source": "/shop",
        "ce-type": "order.created",
    }
    async with system.client() as client:
        twice = [*binary.items(), (name, binary[name])]
        answer = await client.post("/v1/events", content=b"{}", headers=twice)
        assert name in problem(answer, 400, "bad_input")["detail"]
        listed = [*binary.items(), ("via", "1.1 a"), ("via", "1.1 b")]
        answer = await client.post("/v1/events", content=b"{}", headers=listed)
        assert answer.status_code == 202


async def test_a_batch_has_a_limit(system: MemorySystem) -> None:
    async with system.client(limits=ApiLimits(max_batch_events=2)) as client:
        batch = [event(str(number)) for number in range(3)]
        answer = await client.post("/v1/events", json=batch, headers=BATCH)
        problem(answer, 413, "payload_too_large")
        assert not system.state.tables.events
        answer = await client.post("/v1/events", json=batch[:2], headers=BATCH)
        assert answer.status_code == 202


async def test_an_outage_asks_to_come_again(
    system: MemorySystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(arrivals: Sequence[Arrival], at: datetime) -> list[Acceptance]:
        raise UnavailableError("PostgreSQL is away")

    monkeypatch.setattr(system.inbox, "accept", away)
    async with system.client() as client:
        answer = await client.post("/v1/events", json=event(), headers=STRUCTURED)
        problem(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0


async def test_lists_filter_and_page(system: MemorySystem) -> None:
    async with system.client() as client:
        await send(client, *(event(str(number)) for number in range(3)), event("0", source="/b"))
        answer = (await client.get("/v1/events", params={"limit": 3})).json()
        page = PageOf[EventItem].model_validate(answer)
        rest = (await client.get("/v1/events", params={"cursor": answer["next"]})).json()
        assert len(page.items) == 3
        assert len(rest["items"]) == 1
        assert rest["next"] is None
        found = (await client.get("/v1/events", params={"source": "/b", "id": "0"})).json()
        assert [item["source"] for item in found["items"]] == ["/b"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sorce=/b", "did you mean `source`?"),
        ("nothing=like-it", "known are"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("cursor=x", ""),
        ("source=%00", "NUL"),
        ("id=1&id=2", "twice"),
    ],
)
async def test_wrong_parameters_are_errors(system: MemorySystem, query: str, words: str) -> None:
    async with system.client() as client:
        document = problem(await client.get(f"/v1/events?{query}"), 400, "bad_input")
        assert words in document["detail"] + document["hint"]
        posted = await client.post(f"/v1/events?{query}", json=event(), headers=STRUCTURED)
        problem(posted, 400, "bad_input")
        assert not system.state.tables.events


async def test_show_names_the_source_only_if_it_must(system: MemorySystem) -> None:
    async with system.client() as client:
        await send(client, event("a/b c"), event("twice"), event("twice", source="/other"))
        shown = (await client.get("/v1/events/a%2Fb%20c")).json()
        assert EventDetail.model_validate(shown).envelope["data"] == {"amount": 120}
        problem(await client.get("/v1/events/twice"), 409, "ambiguous")
        named = (await client.get("/v1/events/twice", params={"source": "/other"})).json()
        assert named["source"] == "/other"
        problem(await client.get("/v1/events/none"), 404, "not_found")
        problem(await client.get("/v1/events/%00"), 400, "bad_input")


async def test_explain_has_a_verdict_of_everybody_who_listened(system: MemorySystem) -> None:
    async with system.client() as client:
        await client.put("/v1/definitions", content=DEFINITIONS, headers=YAML)
        await send(client, event("small", data={"amount": 1, "missing": 2}))
        await system.work()
        query = {"source": "/shop", "id": "small"}
        answer = (await client.get("/v1/events/explain", params=query)).json()
        explained = EventExplained.model_validate(answer)
        assert {each.definition_id: each.outcome for each in explained.verdicts} == {
            "triage": "filtered",
            "broken": "fired",
        }
        [run] = explained.runs
        assert run.definition_id == "broken"
        problem(await client.get("/v1/events/explain", params={"id": "x"}), 404, "not_found")
        problem(await client.get("/v1/events/explain"), 400, "bad_input")
