"""Webhooks over HTTP: what proves itself comes in once, whole; what does not learns nothing."""

import hmac
import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

import httpx
import pytest
from tests.unit.memory_system import YAML, MemorySystem, event
from tests.unit.test_api_events import problem

from activity_core.api.parts import ApiLimits
from activity_core.api.shapes.events import AcceptedBatch

SECRETS = {"env:GITHUB": "g-secret", "env:SLACK": "s-secret", "env:TOKEN": "a-token"}
SOURCES = """\
kind: source
id: github
webhook: {verify: {github: {secrets: ["env:GITHUB"]}}, preset: github}
allow: {types: [github.*]}
---
kind: source
id: slack
webhook: {verify: {slack: {secrets: ["env:SLACK"]}}, preset: slack}
---
kind: source
id: events
webhook: {verify: {bearer: {secrets: ["env:TOKEN"]}}}
allow: {types: [order.*]}
---
kind: source
id: slow
webhook: {verify: {bearer: {secrets: ["env:TOKEN"]}}}
rate: {per_second: 0.1, burst: 1}
---
kind: source
id: lost
webhook: {verify: {bearer: {secrets: ["env:NOT_THERE"]}}}
---
kind: source
id: keyed
api: {keys: [ann]}
---
kind: event_type
id: paid
type: order.paid
versions: [{type: object, required: [amount]}]
"""
KEYS = {"ann": "secret-of-ann"}
PUSH = {"ref": "refs/heads/main", "repository": {"full_name": "acme/shop"}}
TOKEN = {"authorization": "Bearer a-token", "content-type": "application/cloudevents+json"}
BATCH = TOKEN | {"content-type": "application/cloudevents-batch+json"}


@pytest.fixture
async def system() -> MemorySystem:
    system = MemorySystem(unlisted=False)
    system.secrets.secrets |= SECRETS
    async with system.client() as client:
        applied = await client.put("/v1/definitions", content=SOURCES, headers=YAML)
        assert applied.is_success, applied.text
    return system


@pytest.fixture
async def client(system: MemorySystem) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without an API key, where others have one."""
    async with system.client(keys=KEYS) as client:
        yield client


def signed(body: bytes) -> dict[str, str]:
    return {
        "content-type": "application/json",
        "x-github-event": "push",
        "x-hub-signature-256": "sha256=" + hmac.digest(b"g-secret", body, sha256).hex(),
    }


async def push(client: httpx.AsyncClient, body: Any = PUSH) -> httpx.Response:
    raw = json.dumps(body).encode()
    return await client.post("/v1/hooks/github", content=raw, headers=signed(raw))


def refusals(system: MemorySystem) -> list[tuple[str, str, str, str]]:
    rows = system.state.tables.refusals.values()
    return [(row.via, row.sender, row.code, row.event_id) for row in rows]


async def test_a_signed_message_becomes_an_event_once(
    system: MemorySystem, client: httpx.AsyncClient
) -> None:
    answer = await push(client)
    assert answer.status_code == 202, answer.text
    [item] = AcceptedBatch.model_validate(answer.json()).items
    assert (item.source, item.status) == ("/sources/github", "accepted")
    for _ in range(3):
        again = await push(client)
        assert again.status_code == 200
        assert again.json()["items"] == [
            {"source": item.source, "id": item.id, "status": "duplicate"}
        ]
    [kept] = system.state.tables.events.values()
    assert (kept.envelope.type, kept.envelope.data) == ("github.push", PUSH)
    assert kept.via == "webhook"
    assert refusals(system) == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-hub-signature-256": "sha256="},
        {"x-hub-signature-256": "sha256=" + "0" * 64},
        {"authorization": "Bearer secret-of-ann"},
        {"x-hub-signature-256": "schl\u00fcssel"},
    ],
)
async def test_whatever_fails_is_answered_alike(
    system: MemorySystem, client: httpx.AsyncClient, headers: Mapping[str, str]
) -> None:
    raw = json.dumps(PUSH).encode()
    sent = httpx.Headers({"content-type": "application/json"} | dict(headers), encoding="utf-8")
    answer = await client.post("/v1/hooks/github", content=raw, headers=sent)
    assert problem(answer, 401, "unverified") == {
        "type": "urn:activity-core:error:unverified",
        "title": "Unverified",
        "status": 401,
        "code": "unverified",
        "detail": "the request does not prove that it is from this source",
        "subject": "",
        "hint": "",
    }
    assert not system.state.tables.events
    assert refusals(system) == [("webhook", "github", "unverified", "")]


async def test_every_changed_byte_is_noticed(
    system: MemorySystem, client: httpx.AsyncClient
) -> None:
    raw = json.dumps(PUSH).encode()
    answers = set()
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        answer = await client.post("/v1/hooks/github", content=changed, headers=signed(raw))
        answers.add((answer.status_code, answer.text))
    assert len(answers) == 1
    assert answers.pop()[0] == 401
    assert not system.state.tables.events


async def test_slack_hears_its_challenge_once_it_has_proved_itself(
    system: MemorySystem, client: httpx.AsyncClient
) -> None:
    raw = json.dumps({"type": "url_verification", "challenge": "3eZbrw1a", "token": "t"}).encode()
    time = str(int(system.clock.now().timestamp()))
    base = b"v0:" + time.encode() + b":" + raw
    good = "v0=" + hmac.digest(b"s-secret", base, sha256).hex()
    headers = {"content-type": "application/json", "x-slack-request-timestamp": time}
    forged = headers | {"x-slack-signature": "v0=" + "0" * 64}
    answer = await client.post("/v1/hooks/slack", content=raw, headers=forged)
    assert "3eZbrw1a" not in answer.text
    problem(answer, 401, "unverified")
    answer = await client.post(
        "/v1/hooks/slack", content=raw, headers=headers | {"x-slack-signature": good}
    )
    assert (answer.status_code, answer.json()) == (200, {"challenge": "3eZbrw1a"})
    assert not system.state.tables.events


async def test_a_challenge_to_another_source_is_none(client: httpx.AsyncClient) -> None:
    challenge = {"type": "url_verification", "challenge": "x"}
    answer = await push(client, challenge)
    assert "challenge" not in answer.json()


async def test_a_message_comes_in_whole_or_not_at_all(
    system: MemorySystem, client: httpx.AsyncClient
) -> None:
    batch = [event("1"), event("2", type="user.created")]
    answer = await client.post("/v1/hooks/events", json=batch, headers=BATCH)
    problem(answer, 403, "forbidden")
    batch = [event("1"), event("2", type="order.paid", data={})]
    answer = await client.post("/v1/hooks/events", json=batch, headers=BATCH)
    assert problem(answer, 422, "schema_mismatch")["pointers"] == [""]
    assert not system.state.tables.events
    assert refusals(system) == [
        ("webhook", "events", "forbidden", "2"),
        ("webhook", "events", "schema_mismatch", "2"),
    ]
    answer = await client.post("/v1/hooks/events", json=[event("1"), event("2")], headers=BATCH)
    assert answer.status_code == 202
    assert len(answer.json()["items"]) == 2


async def test_one_conflict_is_the_answer(system: MemorySystem, client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/hooks/events", json=event("1"), headers=TOKEN)).is_success
    batch = [event("1", data=2), event("2")]
    answer = await client.post("/v1/hooks/events", json=batch, headers=BATCH)
    items = problem(answer, 409, "event_conflict")["items"]
    assert [item["status"] for item in items] == ["conflict", "accepted"]
    assert refusals(system) == [("webhook", "events", "event_conflict", "1")]


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        (TOKEN | {"content-type": "text/html"}, b"<p>", 415, "media_type_unsupported"),
        (TOKEN | {"content-encoding": "gzip"}, b"", 415, "media_type_unsupported"),
        (TOKEN, b"{", 400, "json_malformed"),
        (TOKEN, b"{}", 400, "event_invalid"),
        (TOKEN, b" " * 2_000, 413, "payload_too_large"),
    ],
)
async def test_what_is_no_event_is_refused_and_on_record(
    system: MemorySystem, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    async with system.client(keys=KEYS, limits=ApiLimits(max_body_bytes=1_000)) as client:
        answer = await client.post("/v1/hooks/events", content=body, headers=headers)
        problem(answer, status, code)
    assert refusals(system) == [("webhook", "events", code, "")]
    assert not system.state.tables.events


@pytest.mark.parametrize(
    ("name", "status"),
    [("authorization", 400), ("content-type", 400), ("x-custom", 400), ("via", 202)],
)
async def test_a_header_that_comes_twice_has_no_meaning(
    client: httpx.AsyncClient, name: str, status: int
) -> None:
    headers = [*TOKEN.items(), ("x-custom", "1"), ("via", "1.1 a"), (name, TOKEN.get(name, "1"))]
    answer = await client.post("/v1/hooks/events", json=event(), headers=headers)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("name", ["none", "keyed", "", "a b", "%00", "\u00e4"])
async def test_no_such_webhook(system: MemorySystem, client: httpx.AsyncClient, name: str) -> None:
    answer = await client.post(f"/v1/hooks/{name}", json=event(), headers=TOKEN)
    problem(answer, 404, "not_found")
    assert [(via, code) for via, _, code, _ in refusals(system)] == [("webhook", "not_found")]


async def test_other_paths_and_methods_are_behind_the_key(client: httpx.AsyncClient) -> None:
    problem(await client.post("/v1/hooks/events/more", json=event()), 401, "unauthorised")
    problem(await client.get("/v1/hooks/events"), 401, "unauthorised")
    client.headers["authorization"] = "Bearer secret-of-ann"
    problem(await client.get("/v1/hooks/events"), 405, "method_not_allowed")


async def test_without_keys_webhooks_come_from_anywhere(system: MemorySystem) -> None:
    async with system.client() as client:
        abroad = TOKEN | {"host": "tunnel.example"}
        answer = await client.post("/v1/hooks/events", json=event(), headers=abroad)
        assert answer.status_code == 202
        problem(await client.get("/v1/sources", headers=abroad), 403, "foreign_page")


async def test_a_paused_source_says_when_and_not_why(
    system: MemorySystem, client: httpx.AsyncClient
) -> None:
    operator = {"authorization": "Bearer secret-of-ann"}
    body = {"reason": "they leak"}
    paused = await client.post("/v1/sources/events/pause", json=body, headers=operator)
    assert paused.is_success, paused.text
    system.clock.advance(timedelta(seconds=1))
    answer = await client.post("/v1/hooks/events", json=event(), headers=TOKEN)
    problem(answer, 503, "source_paused")
    assert int(answer.headers["retry-after"]) > 0
    assert "they leak" not in answer.text
    assert refusals(system) == [("webhook", "events", "source_paused", "")]


async def test_too_much_asks_to_come_again(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/hooks/slow", json=event("1"), headers=TOKEN)).is_success
    answer = await client.post("/v1/hooks/slow", json=event("2"), headers=TOKEN)
    problem(answer, 429, "overloaded")
    assert answer.headers["retry-after"] == "11"  # 10 s and a tick, rounded up


async def test_a_secret_of_ours_that_is_missing_is_not_told(
    system: MemorySystem, client: httpx.AsyncClient
) -> None:
    answer = await client.post("/v1/hooks/lost", json=event(), headers=TOKEN)
    problem(answer, 503, "unavailable")
    assert "NOT_THERE" not in answer.text
    assert refusals(system) == []
