"""The CloudEvents webhook handshake: permission for who may, the same silence about all else."""

import httpx
import pytest
from tests.unit.memory_system import MemorySystem
from tests.unit.test_api_events import problem

PATHS = ["/v1/events", "/v1/hooks/github", "/v1/hooks/none"]
KEYS = {"ann": "secret-of-ann"}


@pytest.fixture
def system() -> MemorySystem:
    return MemorySystem()


async def ask(client: httpx.AsyncClient, path: str, origin: str | None) -> httpx.Response:
    headers = {} if origin is None else {"WebHook-Request-Origin": origin}
    return await client.options(path, headers=headers | {"WebHook-Request-Rate": "120"})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("allowed", ["*", "Emitter.example.com"])
async def test_who_may_is_told_so_without_a_key(
    system: MemorySystem, path: str, allowed: str
) -> None:
    async with system.client(keys=KEYS, origins=["other.example", allowed]) as client:
        answer = await ask(client, path, "emitter.example.com")
        assert answer.status_code == 200
        assert answer.headers["webhook-allowed-origin"] == "emitter.example.com"
        assert answer.headers["webhook-allowed-rate"] == "*"
        assert "POST" in answer.headers["allow"]
        assert answer.content == b""


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("origin", "status", "code"),
    [
        (None, 400, "bad_input"),
        ("", 400, "bad_input"),
        ("a" * 256, 400, "bad_input"),
        ("evil.example", 403, "forbidden"),
        ("emitter.example.com.evil.example", 403, "forbidden"),
        ("*", 403, "forbidden"),
    ],
)
async def test_others_get_no_permission(
    system: MemorySystem, path: str, origin: str | None, status: int, code: str
) -> None:
    async with system.client(keys=KEYS, origins=["emitter.example.com"]) as client:
        answer = await ask(client, path, origin)
        problem(answer, status, code)
        assert not any(name.startswith("webhook-") for name in answer.headers)
    [refusal] = system.state.tables.refusals.values()
    assert (refusal.code, refusal.sender) == (code, (origin or "")[:255])


async def test_nobody_may_unless_named(system: MemorySystem) -> None:
    async with system.client() as client:
        problem(await ask(client, "/v1/events", "emitter.example.com"), 403, "forbidden")


async def test_other_paths_have_no_handshake(system: MemorySystem) -> None:
    async with system.client(keys=KEYS, origins=["*"]) as client:
        problem(await ask(client, "/v1/runs", "emitter.example.com"), 401, "unauthorised")
