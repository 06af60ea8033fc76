"""Tasks by HTTP for real: what is sent, what comes of the answer, what is worth another try."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.api import eventually
from tests.outside import Outside, Reply, outside_world

from activity_core.adapters import heartbeats
from activity_core.adapters.http.exchange import MAX_BYTES
from activity_core.adapters.http.guard import guarded_client
from activity_core.adapters.http.performer import HttpPerformer
from activity_core.adapters.memory.task_performer import MemoryAttempt
from activity_core.core.definition.connection import Connection
from activity_core.core.errors import NotFoundError
from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.task_spec import TaskKind
from activity_core.core.run.errors import TaskFailedError
from activity_core.core.run.task import TaskInstance, TaskStatus
from activity_core.ports.task_performer import Performed

SECRET = 'hunter2/"quoted"'
TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


@pytest.fixture(scope="module")
def world() -> Iterator[Outside]:
    with outside_world() as world:
        yield world


class Scene:
    """`auth`: what the connection `world` says besides its base."""

    def __init__(self, client: httpx.AsyncClient, world: Outside) -> None:
        self.url = world.url
        self.auth: dict[str, Any] = {"headers": {"X-Key": "env:WORLD_KEY"}}
        self.attempt = MemoryAttempt()
        self._performer = HttpPerformer(
            client, self._find, lambda task_id: f"https://us.example/cb/{task_id}"
        )

    async def _find(self, name: str) -> Connection:
        if name != "world":
            raise NotFoundError("no such connection")
        http = {"base_url": self.url + "/api/", **self.auth}
        return Connection.model_validate({"id": "world", "http": http})

    async def perform(self, path: str, **inputs: JsonValue) -> Performed:
        task = TaskInstance(
            *("task-1", "run-1", "d", 1, "r", "t", 0, TaskKind.HTTP, "T", TaskStatus.RUNNING),
            {"method": "POST", "url": path if "://" in path else self.url + path, **inputs},
            traceparent=TRACE,
        )
        return await self._performer.perform(task, self.attempt)

    async def by_connection(self, path: str, **inputs: JsonValue) -> Performed:
        return await self.perform("x", **{"connection": "world", **inputs, "url": path})

    async def failure(self, path: str, **inputs: JsonValue) -> TaskFailedError:
        with pytest.raises(TaskFailedError) as error:
            await self.perform(path, **inputs)
        return error.value


@pytest.fixture
async def scene(world: Outside, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setenv("WORLD_KEY", SECRET)
    monkeypatch.setenv("WORLD_USER", "alice")
    async with guarded_client(["127.0.0.1"]) as client:
        yield Scene(client, world)


async def test_a_task_says_who_it_is(scene: Scene, world: Outside):
    world.answers("/api/do", Reply(201, {"no": 1}))
    done = await scene.by_connection("/do", json={"a": 1}, headers={"Idempotency-Key": "mine"})
    assert done == Performed({"status": 201, "body": {"no": 1}})
    [asked] = world.requests("/api/do")
    assert asked.headers["idempotency-key"] == "task-1"
    assert asked.headers["traceparent"] == TRACE
    assert asked.headers["x-key"] == SECRET


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_methods(scene: Scene, world: Outside, method: str):
    world.answers(f"/{method}", Reply())
    await scene.perform(f"/{method}", method=method)
    assert [asked.method for asked in world.requests(f"/{method}")] == [method]


async def test_a_form(scene: Scene, world: Outside):
    world.answers("/form", Reply())
    await scene.perform("/form", form={"to": "Grüße & mehr", "n": "1"})
    [asked] = world.requests("/form")
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.body == "to=Gr%C3%BC%C3%9Fe+%26+mehr&n=1"


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        ({"bearer": "env:WORLD_KEY"}, f"Bearer {SECRET}"),
        (
            {"basic": {"user": "env:WORLD_USER", "password": "env:WORLD_KEY"}},
            "Basic YWxpY2U6aHVudGVyMi8icXVvdGVkIg==",
        ),
    ],
)
async def test_authorisation(scene: Scene, world: Outside, auth: dict[str, Any], header: str):
    world.answers("/api/auth", Reply())
    scene.auth = auth
    await scene.by_connection("/auth", headers={"Authorization": "the definition's own"})
    assert world.requests("/api/auth")[-1].headers["authorization"] == header


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        *((400, False), (401, False), (404, False), (409, False), (302, False)),
        *((408, True), (425, True), (429, True), (500, True), (503, True)),
    ],
)
async def test_which_answers_are_worth_another_try(
    scene: Scene, world: Outside, status: int, *, retryable: bool
):
    world.answers("/s", Reply(status, {"why": "because"}))
    error = await scene.failure("/s")
    assert f"it answered {status}: " in str(error)
    assert "because" in str(error)
    assert (error.type, error.retryable) == (f"http_{status}", retryable)


@pytest.mark.parametrize(
    ("url", "type_", "retryable"),
    [
        ("http://127.0.0.1:1/", "unreachable", True),
        ("http://10.0.0.1/", "target_forbidden", False),
        ("http://h:x/", "bad_input", False),
    ],
)
async def test_which_targets_are_worth_another_try(
    scene: Scene, url: str, type_: str, *, retryable: bool
):
    error = await scene.failure(url)
    assert (error.type, error.retryable) == (type_, retryable)


async def test_who_does_not_answer_is_named(scene: Scene):
    error = await scene.failure("http://me:hunter2@127.0.0.1:1/secret")
    assert str(error).startswith("task task-1: 127.0.0.1: ")
    assert "hunter2" not in str(error)


async def test_connections_and_secrets_that_are_missing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
):
    assert (await scene.failure("/x", connection="gone")).type == "not_found"
    monkeypatch.delenv("WORLD_KEY")
    error = await scene.failure("/x", connection="world")
    assert (error.type, error.retryable) == ("configuration", False)


ACCEPTED = Reply(200, {"state": "busy", "n": 7}, {"X-Id": "i-1"})


@pytest.mark.parametrize(
    ("reply", "conditions", "outcome"),
    [
        (ACCEPTED, {"success": "response.body.state == 'busy'"}, None),
        (ACCEPTED, {"success": "response.body.state == 'done'"}, ("http_200", False)),
        (
            ACCEPTED,
            {
                "success": "response.body.state == 'done'",
                "retry_when": "response.body.state == 'busy'",
            },
            ("http_200", True),
        ),
        (Reply(404, {}), {"success": "response.status in [200, 404]"}, None),
        (Reply(404, {}), {"retry_when": "response.status == 404"}, ("http_404", True)),
        (Reply(503, {}), {"retry_when": "false"}, ("http_503", False)),
        # What cannot be evaluated decides nothing: the status does.
        (Reply(503, "oops"), {"success": "response.body.ok"}, ("http_503", True)),
        (Reply(503, "oops"), {"retry_when": "response.body.ok"}, ("http_503", True)),
        (Reply(200, {}), {"success": "response.body.ok"}, ("http_200", False)),
        (Reply(200, {}), {"outputs": "response.body.ok"}, ("expression_failed", False)),
    ],
)
async def test_conditions(
    scene: Scene,
    world: Outside,
    reply: Reply,
    conditions: dict[str, JsonValue],
    outcome: tuple[str, bool] | None,
):
    world.answers("/c", reply)
    if outcome is None:
        await scene.perform("/c", **conditions)
    else:
        error = await scene.failure("/c", **conditions)
        assert (error.type, error.retryable) == outcome


async def test_outputs_are_what_the_task_makes_of_the_response(scene: Scene, world: Outside):
    world.answers("/o", ACCEPTED)
    outputs = "{'no': response.body.n, 'id': response.headers['x-id'], 's': response.status}"
    assert (await scene.perform("/o", outputs=outputs)).outputs == {
        "no": 7,
        "id": "i-1",
        "s": 200,
    }


@pytest.mark.parametrize(
    ("header", "delay"),
    [
        ("7", timedelta(seconds=7)),
        ("Fri, 31 Dec 1999 23:59:59 GMT", None),
        ("-1", None),
        ("0", None),
    ],
)
async def test_when_the_other_side_wants_to_be_asked_again(
    scene: Scene, world: Outside, header: str, delay: timedelta | None
):
    world.answers("/later", Reply(429, None, {"Retry-After": header}))
    assert (await scene.failure("/later")).retry_after == delay


async def test_an_answer_that_is_too_long(scene: Scene, world: Outside):
    world.answers("/long", Reply(200, "x" * MAX_BYTES))
    error = await scene.failure("/long")
    assert (error.type, error.retryable) == ("too_large", False)


async def test_outputs_that_are_too_long(scene: Scene, world: Outside):
    world.answers("/twice", Reply(200, "x" * (MAX_BYTES // 2)))
    error = await scene.failure("/twice", outputs="[response.body, response.body]")
    assert (error.type, error.retryable) == ("too_large", False)


async def test_the_other_side_may_answer_later(scene: Scene, world: Outside):
    world.answers("/jobs?to=https://us.example/cb/task-1", Reply(202, {"job": 1}))
    done = await scene.perform(
        "/jobs?to=${callback_url}",
        headers={"x-to": "${callback_url}"},
        json={"nested": ["tell ${callback_url}"]},
        callback={"within": "PT1H"},
    )
    assert done == Performed(waits=timedelta(hours=1))
    [asked] = world.requests("/jobs?to=https://us.example/cb/task-1")
    assert asked.headers["x-to"] == "https://us.example/cb/task-1"
    assert asked.body == {"nested": ["tell https://us.example/cb/task-1"]}


async def test_without_a_callback_nobody_learns_the_address(scene: Scene, world: Outside):
    world.answers("/none", Reply())
    await scene.perform("/none", json="${callback_url}")
    assert world.requests("/none")[0].body == "${callback_url}"


@pytest.mark.parametrize(
    "auth",
    [
        {"headers": {"X-Key": "env:WORLD_KEY"}},
        {"bearer": "env:WORLD_KEY"},
        {"basic": {"user": "env:WORLD_USER", "password": "env:WORLD_KEY"}},
    ],
)
async def test_secrets_that_the_other_side_repeats(
    scene: Scene, world: Outside, auth: dict[str, Any], caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    scene.auth = auth
    world.answers("/api/look", Reply())
    await scene.by_connection("/look")
    sent = world.requests("/api/look")[-1].headers
    repeated = {"sent": sent, "secret": SECRET, "basic": "YWxpY2U6aHVudGVyMi8icXVvdGVkIg=="}
    world.answers("/api/echo", Reply(200, repeated, {"x-echo": SECRET}))
    done = await scene.by_connection("/echo", outputs="[response.body, response.headers]")
    world.answers("/api/echo", Reply(400, [SECRET, *sent.values()]))
    error = await scene.failure("x", connection="world", url="/echo")
    seen = f"{done.outputs} {error!r} {error} {caplog.text}"
    assert "***" in str(done.outputs)
    assert "***" in str(error)
    hidden = ("YWxpY2U6", "hunter2") if "basic" in auth else ("hunter2",)
    assert [secret for secret in hidden if secret in seen] == []


async def test_a_secret_that_cannot_be_sent(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WORLD_KEY", "hunter2\nx-evil: 1")
    error = await scene.failure("x", connection="world", url="/x")
    assert (error.type, error.retryable) == ("bad_input", False)
    assert "hunter2" not in f"{error!r}{error.__cause__!r}"


async def test_while_it_waits_it_says_that_it_is_alive_and_can_be_cancelled(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(heartbeats, "PERIOD", 0.01)
    left = asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        left.set()
        writer.close()

    async def alive() -> bool:
        return len(scene.attempt.beats) > 1

    async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        performing = asyncio.create_task(scene.perform(f"http://127.0.0.1:{port}/"))
        await eventually(alive, "it says so")
        performing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await performing
        async with asyncio.timeout(10):
            await left.wait()
    said = len(scene.attempt.beats)
    await asyncio.sleep(0.05)
    assert len(scene.attempt.beats) == said
