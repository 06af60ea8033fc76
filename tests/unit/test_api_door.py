"""Who may ask, and how every answer looks, also when it is a refusal or our own fault."""

from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from tests.unit.memory_system import STRUCTURED, MemorySystem, event
from tests.unit.test_api_events import problem

from activity_core.api.parts import ApiKeys
from activity_core.core.errors import ConfigurationError

KEYS = {"ann": "secret-of-ann", "bot": "secret-of-bot"}


@pytest.fixture
def system() -> MemorySystem:
    return MemorySystem()


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Bearer secret-of-ann2",
        "Basic secret-of-ann",
        "secret-of-ann",
        "Bearer schlüssel",
    ],
)
async def test_without_a_valid_key_nothing_but_health(
    system: MemorySystem, authorization: str | None
) -> None:
    headers = {"X-Actor": "ann"}
    if authorization is not None:
        headers["Authorization"] = authorization
    async with system.client(keys=KEYS) as client:
        client.headers = httpx.Headers(headers, encoding="utf-8")
        for path in ("/v1/events", "/v1/nothing", "/metrics", "/openapi.json"):
            refused = await client.get(path)
            problem(refused, 401, "unauthorised")
            assert refused.headers["www-authenticate"] == "Bearer"
        posted = await client.post("/v1/events", json=event(), headers=STRUCTURED)
        problem(posted, 401, "unauthorised")
        assert not system.state.tables.events
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 200


async def test_each_key_is_an_actor(system: MemorySystem) -> None:
    keys = ApiKeys(KEYS)
    assert keys.owner("Bearer secret-of-ann") == "ann"
    assert keys.owner("bearer secret-of-bot") == "bot"
    assert "secret-of-ann" not in repr(vars(keys))
    async with system.client(keys=KEYS) as client:
        client.headers["authorization"] = "Bearer secret-of-bot"
        assert (await client.get("/metrics")).status_code == 200


@pytest.mark.parametrize("keys", [{"ann": ""}, {"": "secret"}, {"ann": "schlüssel"}])
def test_empty_keys_are_a_mistake(keys: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        ApiKeys(keys)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:8080"}, 200),
        ({"host": "localhost"}, 200),
        ({"host": "[::1]:8080"}, 200),
        ({"host": "127.0.0.1:8080", "origin": "http://127.0.0.1:8080"}, 200),
        ({"host": "127.0.0.1:8080", "origin": "https://evil.example"}, 403),
        ({"host": "127.0.0.1:8080", "origin": "null"}, 403),
        ({"host": "evil.example:8080", "origin": "http://evil.example:8080"}, 403),
        ({"host": "[bad"}, 403),
    ],
)
async def test_an_open_api_serves_no_foreign_pages(
    system: MemorySystem, headers: dict[str, str], status: int
) -> None:
    async with system.client() as client:
        answer = await client.get("/v1/events", headers=headers)
        assert answer.status_code == status
    async with system.client(keys=KEYS) as client:
        headers |= {"authorization": "Bearer secret-of-ann"}
        assert (await client.get("/v1/events", headers=headers)).status_code == 200


async def test_what_is_not_there_is_a_problem_too(system: MemorySystem) -> None:
    async with system.client() as client:
        problem(await client.get("/v1/nothing"), 404, "not_found")
        wrong = await client.put("/v1/runs")
        problem(wrong, 405, "method_not_allowed")
        assert wrong.headers["allow"] == "GET"
        problem(await client.put("/v1/events"), 405, "method_not_allowed")


async def test_our_own_fault_is_logged_and_tells_nothing(
    system: MemorySystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(system.registry_store, "snapshot", broken)
    async with system.client() as client:
        with capture_logs() as logs:
            answer = await client.get("/v1/definitions")
        problem(answer, 500, "internal")
        assert "hunter2" not in answer.text
        assert [(each["event"], each["path"]) for each in logs] == [
            ("request_failed", "/v1/definitions")
        ]


@pytest.mark.parametrize("path", ["/healthz", "/v1/events", "/v1/nothing", "/v1/events?x=1"])
async def test_every_answer_has_security_headers(system: MemorySystem, path: str) -> None:
    async with system.client() as client:
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers
