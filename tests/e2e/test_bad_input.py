"""What must be refused is refused with a problem document, and nothing of it is stored."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.api import BATCH, STRUCTURED, YAML, cloudevent
from tests.e2e.conftest import Stack

GOOD = """
id: good-one
trigger: {event: {type: bad.input}}
rules: [{id: all, tasks: [{id: look, human: {title: Look}}]}]
"""
WRONG = """
id: wrong-one
trigger:
  event: {type: bad.input, filtre: event.data.amount > 1}
rules: [{id: all, tasks: [{id: look, human: {title: Look}}]}]
"""


@pytest.fixture(autouse=True)
async def _nothing_stored(
    stack: Stack, sql: psycopg.AsyncConnection[dict[str, Any]]
) -> AsyncIterator[None]:
    """No test of this file that refuses may change these."""
    tables = "activity_definitions", "registry_log", "events", "event_keys", "dead_letters"

    async def counts() -> list[int]:
        query = "select " + ", ".join(f"(select count(*) from {name}) as {name}" for name in tables)
        [row] = await (await sql.execute(query.encode())).fetchall()
        return list(row.values())

    before = await counts()
    yield
    assert await counts() == before


async def test_definitions_are_applied_all_or_none(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "wrong.yaml").write_text(WRONG)
    for command in ("validate", "apply"):
        done = await stack.cli(command, str(tmp_path))
        assert done.code == 1
        assert f"{tmp_path}/wrong.yaml:4:" in done.err
        assert "filtre" in done.err
        assert "did you mean `filter`" in done.err
    answer = await stack.api.http.put("/v1/definitions", content=GOOD + "---" + WRONG, headers=YAML)
    assert answer.status_code == 422
    [issue] = answer.json()["issues"]
    assert (issue["line"], issue["path"]) == (8, "trigger.event.filtre")
    assert (await stack.api.http.get("/v1/definitions/good-one")).status_code == 404


async def test_filters_that_cannot_compile(stack: Stack, tmp_path: Path) -> None:
    refused = {
        "event.data.amount >": "Syntax error: mismatched input the end (at 1:20)",
        "evnt.data.amount > 1": "unknown variable evnt (at 1:1) (did you mean event?)",
        "true && amount > 1": "unknown variable amount (at 1:9) (known: event)",
        "context.x == 1": "unknown variable context (at 1:1) (known: event)",
        "event.data.at < now()": "unknown function now (at 1:20)",
        "event.data.amount + 1": "must be true or false, is int",
    }
    for number, expression in enumerate(refused):
        text = GOOD.replace("type: bad.input", f"type: bad.input, filter: {expression}")
        (tmp_path / f"{number}.yaml").write_text(text.replace("good-one", f"wrong-{number}"))
    commands = [stack.cli(command, str(tmp_path)) for command in ("validate", "apply")]
    for done in await asyncio.gather(*commands):
        assert done.code == 1
        for number, message in enumerate(refused.values()):
            place = f"{tmp_path}/{number}.yaml:3:44: trigger.event.filter"
            assert f"{place}: {message}" in done.err


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "json_malformed"),
        (b'{"id": "a", "id": "b"}', 400, "json_malformed"),
        (b"[" * 1000 + b"]" * 1000, 400, "json_malformed"),
        (b'{"specversion": "1.0", "data": "' + b"x" * (1 << 20) + b'"}', 413, "payload_too_large"),
        (b'{"specversion": "1.0", "id": "1", "type": "t"}', 400, "event_invalid"),
        (b'{"specversion": "2.0", "id": "1", "type": "t", "source": "/s"}', 400, "event_invalid"),
        (b"\xff\xfe", 400, "json_malformed"),
    ],
)
async def test_what_is_no_event(stack: Stack, body: bytes, status: int, code: str) -> None:
    answer = await stack.api.http.post("/v1/events", content=body, headers=STRUCTURED)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["status"]) == (code, status)
    assert problem["detail"]


async def test_a_body_that_never_says_how_long_it_is(stack: Stack) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * 65_536

    answer = await stack.api.http.post("/v1/events", content=endless(), headers=STRUCTURED)
    assert answer.status_code == 413


async def test_a_batch_without_a_valid_event(stack: Stack) -> None:
    answer = await stack.api.http.post("/v1/events", json=[{}, {"id": 1}], headers=BATCH)
    assert answer.status_code == 400
    assert [item["status"] for item in answer.json()["items"]] == ["invalid", "invalid"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/runs/none", 404),
        ("GET", "/v1/tasks/none", 404),
        ("GET", "/v1/runs?status=odd", 400),
        ("GET", "/v1/runs?limit=0", 400),
        ("GET", "/v1/runs?cursor=none", 400),
        ("GET", "/v1/runs?colour=red", 400),
        ("GET", "/v1/events/explain?id=none", 404),
        ("POST", "/v1/tasks/none/complete", 400),
        ("DELETE", "/v1/definitions/none", 404),
        ("PATCH", "/v1/runs", 405),
        ("GET", "/v2/runs", 404),
    ],
)
async def test_requests_that_make_no_sense(
    stack: Stack, method: str, path: str, status: int
) -> None:
    answer = await stack.api.http.request(method, path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_web_page_of_somebody_else_cannot_reach_it(stack: Stack) -> None:
    event = cloudevent("bad.input", "rebinding")
    answer = await stack.api.http.post(
        "/v1/events", json=event, headers=STRUCTURED | {"host": "attacker.example"}
    )
    assert answer.status_code in {400, 401, 403, 421}
