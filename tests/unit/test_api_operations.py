"""What operators ask the API: dead letters, what is stuck, health, schemas, OpenAPI."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from jsonschema_rs import Draft202012Validator
from tests.unit.memory_system import DEFINITIONS, STRUCTURED, YAML, MemorySystem, event
from tests.unit.test_api_events import problem

from activity_core.api import health
from activity_core.api.shapes.base import PageOf
from activity_core.api.shapes.dead_letters import DeadLetterDetail, DeadLetterItem, LetterOutcome
from activity_core.api.shapes.events import Accepted
from activity_core.api.shapes.operations import Readiness, StuckItem
from activity_core.core.errors import UnavailableError
from activity_core.ports.dead_letters import DeadLetter
from activity_core.ports.outbox import Setback


@pytest.fixture
def system() -> MemorySystem:
    return MemorySystem()


async def bury(system: MemorySystem, id_: str, body: bytes) -> str:
    letter = DeadLetter(
        dead_letter_id=id_,
        via="nats",
        subject="events.x",
        code="event_invalid",
        message="no event",
        headers={"a": "b"},
        body=body,
        buried_at=system.clock.now(),
    )
    await system.dead_letters.bury(letter)
    return f"/v1/dead-letters/{id_}"


async def test_dead_letters_are_listed_and_shown_with_their_bytes(system: MemorySystem) -> None:
    async with system.client() as client:
        text, binary = await bury(system, "t", b"{}"), await bury(system, "b", b"\xff")
        answer = (await client.get("/v1/dead-letters?status=open&via=nats")).json()
        assert len(PageOf[DeadLetterItem].model_validate(answer).items) == 2
        assert (await client.get("/v1/dead-letters?code=other")).json()["items"] == []
        problem(await client.get("/v1/dead-letters?status=shut"), 400, "bad_input")
        shown = DeadLetterDetail.model_validate((await client.get(text)).json())
        assert (shown.body, shown.headers) == ("{}", {"a": "b"})
        bytes_ = DeadLetterDetail.model_validate((await client.get(binary)).json())
        assert bytes_.body is None
        assert base64.b64decode(bytes_.body_base64) == b"\xff"
        problem(await client.get("/v1/dead-letters/none"), 404, "not_found")


async def test_replay_sends_it_in_and_closes_it(system: MemorySystem) -> None:
    async with system.client() as client:
        good = await bury(system, "good", json.dumps(event()).encode())
        bad = await bury(system, "bad", b"[]")
        answer = (await client.post(f"{good}/replay")).json()
        replayed = LetterOutcome.model_validate(answer)
        assert replayed.status == "replayed"
        assert [(each.source, each.id) for each in replayed.events] == [("/shop", "o-1")]
        assert await system.inbox.depth() == 1
        assert (await client.get(good)).json()["resolved_by"] == "anonymous"
        problem(await client.post(f"{good}/replay"), 409, "conflict")
        problem(await client.post(f"{bad}/replay"), 400, "event_invalid")
        assert (await client.get(bad)).json()["status"] == "open"
        problem(await client.post("/v1/dead-letters/none/replay"), 404, "not_found")


async def test_discard_closes_it_and_keeps_the_bytes(system: MemorySystem) -> None:
    async with system.client() as client:
        letter = await bury(system, "l", b"[]")
        answer = (await client.post(f"{letter}/discard")).json()
        assert LetterOutcome.model_validate(answer).status == "discarded"
        assert (await client.get(letter)).json()["body"] == "[]"
        problem(await client.post(f"{letter}/discard"), 409, "conflict")
        problem(await client.post("/v1/dead-letters/none/discard"), 404, "not_found")


async def test_what_is_stuck_on_the_way_out(system: MemorySystem) -> None:
    async with system.client() as client:
        assert (await client.get("/v1/outbox/stuck")).json() == {"items": [], "next": None}
        await client.put("/v1/definitions", content=DEFINITIONS, headers=YAML)
        await client.post("/v1/events", json=event(), headers=STRUCTURED)
        await system.work()
        now = system.clock.now()
        async with system.outbox.take(1, now) as batch:
            [row] = batch.rows
            await batch.settle([], [Setback(row.position, "no NATS", now + timedelta(seconds=9))])
        answer = (await client.get("/v1/outbox/stuck?limit=5")).json()
        [stuck] = PageOf[StuckItem].model_validate(answer).items
        assert (stuck.event_id, stuck.attempts, stuck.last_error) == (row.event_id, 1, "no NATS")
        problem(await client.get("/v1/outbox/stuck?cursor=x"), 400, "bad_input")


async def test_ready_only_if_everything_answers(
    system: MemorySystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PROBE_TIMEOUT", 0.01)

    async def well() -> None: ...

    async def away() -> None:
        raise UnavailableError("PostgreSQL does not answer")

    async def hangs() -> None:
        await asyncio.Event().wait()

    async def breaks() -> None:
        raise RuntimeError("password=hunter2")

    async with system.client() as client:
        assert (await client.get("/healthz")).json() == {"status": "alive"}
        system.readiness["temporal"] = well
        ready = await client.get("/readyz")
        assert ready.status_code == 200
        assert ready.json() == {"status": "ready", "checks": {"temporal": "ok"}, "warnings": {}}
        system.readiness |= {"postgres": away, "nats": hangs, "other": breaks}
        unready = await client.get("/readyz")
        assert unready.status_code == 503
        assert unready.headers["retry-after"]
        checks = Readiness.model_validate(unready.json()).checks
        assert checks["temporal"] == "ok"
        assert checks["postgres"] == "PostgreSQL does not answer"
        assert checks["nats"].startswith("no answer")
        assert "hunter2" not in unready.text


async def test_warnings_leave_it_ready(
    system: MemorySystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PROBE_TIMEOUT", 0.01)

    async def well() -> str | None:
        return None

    async def lossy() -> str | None:
        return "it does not sync what it confirms"

    async def hangs() -> str | None:
        return await asyncio.Future()

    async def breaks() -> str | None:
        raise UnavailableError("password=hunter2")

    system.warnings |= {"a": well, "nats": lossy, "b": hangs, "c": breaks}
    async with system.client() as client:
        ready = await client.get("/readyz")
        assert ready.status_code == 200
        warnings = Readiness.model_validate(ready.json()).warnings
        assert warnings["nats"] == "it does not sync what it confirms"
        assert {name: text.split(":")[0] for name, text in warnings.items() if name != "nats"} == {
            "b": "not known now",
            "c": "not known now",
        }
        assert "hunter2" not in ready.text


async def test_metrics_hold_counters_and_depths(
    system: MemorySystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> int:
        raise UnavailableError("away")

    async with system.client() as client:
        await client.post("/v1/events", json=event(), headers=STRUCTURED)
        answer = await client.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain")
        assert 'activity_core_queue_depth{queue="inbox"} 1.0' in answer.text
        assert 'activity_core_events_in_total{answer="accepted",via="http"}' in answer.text
        monkeypatch.setattr(system.inbox, "depth", away)
        answer = await client.get("/metrics")
        assert answer.status_code == 200
        assert 'queue="inbox"' not in answer.text
        assert 'activity_core_queue_depth{queue="outbox"} 0.0' in answer.text


@pytest.mark.parametrize(
    "name", ["event-envelope", "activity-definition", "connection", "calendar"]
)
async def test_schemas_are_published(system: MemorySystem, name: str) -> None:
    async with system.client() as client:
        schema = (await client.get(f"/v1/schemas/{name}")).json()
        Draft202012Validator(schema, offline=True)
        assert name in schema["$id"]


async def test_openapi_knows_every_route_and_resolves(system: MemorySystem) -> None:
    async with system.client(keys={"ann": "k"}) as client:
        client.headers["authorization"] = "Bearer k"
        document = (await client.get("/openapi.json")).json()
        operations = {(method, path) for path, item in document["paths"].items() for method in item}
        assert ("post", "/v1/events") in operations
        assert ("get", "/v1/events") in operations
        assert ("post", "/v1/hooks/{source}") in operations
        assert len(operations) == 78
        for reference in _references(document):
            assert _resolve(document, reference), reference
        assert document["security"] == [{"key": []}]
        assert "HTTPValidationError" not in document["components"]["schemas"]
        await _examples_work(client, document["paths"])
        assert _open_docs_are_off(await client.get("/docs"), await client.get("/redoc"))


async def _examples_work(client: httpx.AsyncClient, paths: Any) -> None:
    receive = paths["/v1/events"]["post"]
    for media_type, content in receive["requestBody"]["content"].items():
        if "example" in content:
            sent = {"content-type": media_type}
            answer = await client.post("/v1/events", json=content["example"], headers=sent)
            assert answer.is_success
    for status in ("200", "202"):
        example = receive["responses"][status]["content"]["application/json"]["example"]
        Accepted.model_validate(example)
    texts = paths["/v1/definitions"]["put"]["requestBody"]["content"]
    applied = await client.put(
        "/v1/definitions", content=texts["application/yaml"]["example"], headers=YAML
    )
    assert applied.is_success, applied.text


def _open_docs_are_off(*answers: httpx.Response) -> bool:
    return all(answer.status_code == 404 for answer in answers)


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [each for item in value.values() for each in _references(item)]
    if isinstance(value, list):
        return [each for item in value for each in _references(item)]
    return []


def _resolve(document: Any, reference: str) -> Any:
    for step in reference.removeprefix("#/").split("/"):
        document = document.get(step, {})
    return document
