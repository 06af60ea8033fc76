"""Callbacks: only who was given the address ends the task, once; guessing teaches nothing."""

import hmac
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from tests.unit.memory_system import YAML, MemorySystem

from activity_core.adapters.memory.task_ledger import MemoryTaskLedger
from activity_core.api.parts import ApiLimits
from activity_core.core import ids
from activity_core.core.errors import ConfigurationError
from activity_core.core.run.task import TaskResult, TaskStatus
from activity_core.ports.doorbell import Topic
from activity_core.services.callbacks import CallbackAddresses

DEFINITION = """
id: asks
trigger: {manual: }
rules:
  - id: r
    tasks:
      - id: export
        http: {url: "https://x.example/jobs", json: {to: here}, callback: {within: 1h}}
"""
DONE = {"status": "completed", "outputs": {"rows": 7}}


class Scene:
    def __init__(self, system: MemorySystem, client: httpx.AsyncClient) -> None:
        self.system = system
        self.client = client
        self.tasks = MemoryTaskLedger(system.state)

    @property
    def task_id(self) -> str:
        [task_id] = self.system.state.tables.tasks
        return task_id

    @property
    def status(self) -> TaskStatus:
        return self.system.state.tables.tasks[self.task_id].task.status

    async def begin(self) -> None:
        await self.tasks.begin(self.task_id, 1, self.system.clock.now())

    async def tell(self, body: Any, address: str = "") -> httpx.Response:
        return await self.client.post(address or self.address, json=body)

    @property
    def address(self) -> str:
        return self.system.callback_addresses.of(self.task_id).removeprefix("https://us.example")


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    system = MemorySystem()
    keys = {"ann": "secret-of-ann"}
    async with system.client(keys=keys) as client:
        ann = {"authorization": "Bearer secret-of-ann"}
        applied = await client.put("/v1/definitions", content=DEFINITION, headers=YAML | ann)
        assert applied.is_success, applied.text
        ran = await client.post("/v1/definitions/asks/trigger", json={}, headers=ann)
        assert ran.is_success, ran.text
        await system.work()
        scene = Scene(system, client)
        await scene.begin()
        yield scene


async def test_it_ends_the_task_and_wakes_its_run(scene: Scene):
    answer = await scene.tell(DONE)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"task_id": scene.task_id, "status": "completed"}
    task = await scene.tasks.get(scene.task_id)
    assert task.result == TaskResult(TaskStatus.COMPLETED, "done", {"rows": 7})
    assert len(await scene.system.run_queue.take_signals(10)) == 1
    assert scene.system.doorbell.rings[Topic.STARTER]
    assert scene.system.doorbell.rings[Topic.RELAY]


async def test_it_may_fail(scene: Scene):
    assert (await scene.tell({"status": "failed", "error": "disk full"})).is_success
    task = await scene.tasks.get(scene.task_id)
    assert task.result == TaskResult(
        TaskStatus.FAILED, "failed", error="disk full", error_type="reported"
    )


async def test_it_may_fail_without_a_word(scene: Scene):
    assert (await scene.tell({"status": "failed"})).is_success
    task = await scene.tasks.get(scene.task_id)
    assert task.result is not None
    assert task.result.error == "the other side said that it failed, and not why"
    assert (await scene.tell({"status": "failed"})).is_success


async def test_each_attempt_of_its_run_is_told_of(scene: Scene):
    for attempt in (1, 2):
        tasks = scene.system.state.tables.tasks
        row = tasks[scene.task_id]
        open_ = replace(row.task, status=TaskStatus.RUNNING, result=None, run_attempt=attempt)
        tasks[scene.task_id] = replace(row, task=open_, finished_at=None)
        assert (await scene.tell({"status": "failed"})).is_success
    said = list(scene.system.state.tables.outbox)
    kind = "activity-core.task.failed.v1"
    assert said[-2:] == [ids.announcement_id(kind, scene.task_id, n) for n in (1, 2)]


async def test_the_same_again_is_the_same_and_another_a_conflict(scene: Scene):
    first = await scene.tell(DONE)
    said = len(scene.system.state.tables.outbox)
    assert (await scene.tell(DONE)).content == first.content
    for other in ({"status": "completed"}, {"status": "failed", "outputs": {"rows": 7}}):
        assert (await scene.tell(other)).status_code == 409
    assert len(scene.system.state.tables.outbox) == said


async def test_who_guesses_learns_nothing(scene: Scene):
    token = scene.address.rpartition("/")[2]
    wrong = [
        f"/v1/callbacks/{scene.task_id}/{'0' * 64}",
        f"/v1/callbacks/{scene.task_id}/{token[:-1]}",
        f"/v1/callbacks/{scene.task_id}/ü",
        f"/v1/callbacks/task-unknown/{token}",
        scene.system.callback_addresses.of("task-unknown").removeprefix("https://us.example"),
    ]
    answers = [await scene.tell(DONE, address) for address in wrong]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert scene.status is TaskStatus.RUNNING


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"status": "skipped"}, 400),
        ({"status": "completed", "more": 1}, 400),
        ({"status": "failed", "error": "x" * 2_001}, 400),
        ({"status": "completed", "outputs": "x" * (1 << 20)}, 413),
    ],
)
async def test_what_it_may_not_say(scene: Scene, body: Any, status: int):
    assert (await scene.tell(body)).status_code == status
    assert scene.status is TaskStatus.RUNNING


async def test_a_body_that_is_no_object(scene: Scene):
    told = await scene.tell([1])
    assert (told.status_code, told.json()["detail"]) == (400, "the body: it is no JSON object")


async def test_outputs_are_bounded_whatever_bodies_may_be(scene: Scene):

    async with scene.system.client(limits=ApiLimits(max_body_bytes=4 << 20)) as client:
        answer = await client.post(
            scene.address, json={"status": "completed", "outputs": "x" * (1 << 20)}
        )
    assert answer.status_code == 413


async def test_a_task_that_does_not_wait(scene: Scene):
    tasks = scene.system.state.tables.tasks
    row = tasks[scene.task_id]
    tasks[scene.task_id] = replace(row, task=replace(row.task, status=TaskStatus.PENDING))
    assert (await scene.tell(DONE)).status_code == 409
    assert scene.status is TaskStatus.PENDING


async def test_others_need_their_key(scene: Scene):
    assert (await scene.client.get("/v1/tasks")).status_code == 401


async def test_without_keys_others_than_this_machine_may_tell(scene: Scene):
    async with scene.system.client() as client:
        answer = await client.post(scene.address, json=DONE, headers={"host": "us.example"})
        assert answer.status_code == 200


@pytest.mark.parametrize("given", [(None, None), ("a-key-of-callbacks", None), (None, "https://x")])
def test_an_installation_without_callbacks(given: tuple[str | None, str | None]):
    addresses = CallbackAddresses(*given)
    assert not addresses
    with pytest.raises(ConfigurationError, match="ACTIVITY_CORE_CALLBACK_KEY"):
        addresses.of("task-1")
    genuine = CallbackAddresses("a-key-of-callbacks", "https://x").of("task-1").rpartition("/")[2]
    empty = hmac.digest(b"", b"task-1", "sha256").hex()
    assert not addresses.is_genuine("task-1", genuine)
    assert not addresses.is_genuine("task-1", empty)


def test_a_key_that_is_none():
    with pytest.raises(ConfigurationError, match="fewer than 16"):
        CallbackAddresses("short", "https://x")
