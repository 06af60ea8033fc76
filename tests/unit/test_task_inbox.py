"""People's tasks: what is stored, announced, rung and told of what people do with them."""

from dataclasses import replace
from typing import Any

import pytest
from tests.core_stage import CoreStage

from activity_core.adapters.memory.task_desk import MemoryTaskDesk
from activity_core.core.errors import ConflictError, NotFoundError, SchemaMismatchError
from activity_core.core.human.answering import Answer
from activity_core.core.human.dossier import Request
from activity_core.core.human.errors import FourEyesError, StaleError
from activity_core.core.human.handling import Recipient
from activity_core.core.rules.task_spec import TaskRole
from activity_core.core.run.task import TaskInstance, TaskStatus
from activity_core.ports.doorbell import Topic
from activity_core.services.catalogue import Catalogue
from activity_core.services.task_inbox import TaskInbox

DEFINITION = """
id: asks
trigger: {manual: }
rules:
  - id: r
    tasks:
      - id: form
        human:
          title: Fill it in
          wait: true
          form: {type: object, required: [ok], properties: {ok: {type: boolean}}}
          notify:
            - {on: [completed], http: {method: POST, url: "https://x.example"}}
            - {on: [created], http: {method: POST, url: "https://x.example"}}
      - {id: free, human: {title: Whatever}}
      - {id: other, human: {title: Other eyes, not_same_as: free}}
      - {id: later, needs: [form], human: {title: Later}}
      - {id: machine, http: {url: "https://x.example"}}
"""
ANN = Request("ann", "key", "so")


class Scene:
    def __init__(self) -> None:
        self.stage = CoreStage()
        self.catalogue = Catalogue(self.stage.store)
        self.inbox = TaskInbox(
            MemoryTaskDesk(self.stage.state),
            self.catalogue,
            self.stage.doorbell,
            self.stage.clock,
            deployment="test",
        )
        self.run_id = ""

    async def prepare(self) -> None:
        await self.stage.apply(DEFINITION)
        [self.run_id] = await self.stage.submit("asks", "1")
        [execution] = await self.stage.compose()
        await self.stage.runner.advance(execution.execution_id)

    def id_of(self, spec: str) -> str:
        return self.stage.tasks_of(self.run_id)[spec].task.task_id

    def task(self, spec: str) -> TaskInstance:
        return self.stage.tasks_of(self.run_id)[spec].task

    async def complete(self, spec: str, outcome: str = "done", data: Any = None) -> Any:
        return await self.inbox.complete(self.id_of(spec), ANN, Answer(outcome, data))


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await scene.prepare()
    return scene


async def test_a_completion_is_stored_announced_and_rung(scene: Scene):
    before = dict(scene.stage.doorbell.rings)
    task = await scene.complete("form", "approved", {"ok": True})
    assert task.status is TaskStatus.COMPLETED
    assert (task.result.outcome, task.result.outputs, task.result.comment, task.result.by) == (
        "approved",
        {"ok": True},
        "so",
        "ann",
    )
    assert scene.stage.said(scene.run_id)[-2:] == ["task.completed", "task.created"]  # a notice
    assert len(await scene.stage.queue.take_signals(10)) == 1
    for topic in (Topic.STARTER, Topic.RELAY):
        assert scene.stage.doorbell.rings[topic] == before.get(topic, 0) + 1


async def test_the_same_again_is_the_stored_one_and_another_a_conflict(scene: Scene):
    first = await scene.complete("free", "done", [1])
    assert await scene.complete("free", "done", [1]) == first
    assert scene.stage.said(scene.run_id).count("task.completed") == 1
    for outcome, data in (("other", [1]), ("done", [2])):
        with pytest.raises(ConflictError, match="ended before"):
            await scene.complete("free", outcome, data)


async def test_who_is_to_be_told_of_a_completion_is_told_once(scene: Scene):
    told = set(scene.stage.state.tables.pending_tasks.values())
    for _ in range(2):
        await scene.complete("form", "done", {"ok": True})
    [fresh] = set(scene.stage.state.tables.pending_tasks.values()) - told
    notification = scene.stage.state.tables.tasks[fresh].task
    assert notification.role is TaskRole.NOTIFICATION
    assert notification.about == scene.id_of("form")
    assert notification.spec_id == "form/notify/0/completed-1"


async def test_what_is_rejected_has_failed_and_nobody_is_told_of_a_completion(scene: Scene):
    told = dict(scene.stage.state.tables.pending_tasks)
    task = await scene.inbox.reject(scene.id_of("form"), ANN)
    assert task.status is TaskStatus.FAILED
    assert scene.stage.said(scene.run_id)[-1] == "task.failed"
    assert scene.stage.state.tables.pending_tasks == told


async def test_a_comment_on_what_is_over_is_not_announced(scene: Scene):
    await scene.complete("free")
    said = scene.stage.said(scene.run_id)
    task = await scene.inbox.comment(scene.id_of("free"), ANN)
    assert (task.status, task.revision) == (TaskStatus.COMPLETED, 2)
    assert scene.stage.said(scene.run_id) == said


@pytest.mark.parametrize("data", [None, {}, {"ok": "yes"}, [True]])
async def test_the_data_must_fit_the_form(scene: Scene, data: object):
    with pytest.raises(SchemaMismatchError, match="does not fit the task's form"):
        await scene.complete("form", "done", data)
    assert scene.task("form").status is TaskStatus.READY
    assert list(await scene.inbox.log(scene.id_of("form"))) == []


async def test_what_nobody_can_complete(scene: Scene):
    with pytest.raises(ConflictError, match="automated"):
        await scene.complete("machine")
    with pytest.raises(ConflictError, match="still waits"):
        await scene.complete("later")
    with pytest.raises(NotFoundError):
        await scene.inbox.complete("none", ANN, Answer("done"))
    with pytest.raises(NotFoundError):
        await scene.inbox.log("none")


async def test_other_eyes_are_other_eyes(scene: Scene):
    await scene.complete("free")
    with pytest.raises(FourEyesError, match="ann did 'free'"):
        await scene.inbox.claim(scene.id_of("other"), ANN)
    assert (await scene.inbox.claim(scene.id_of("other"), Request("bob"))).claimed_by == "bob"


async def test_whoever_comes_late_is_told_what_came_last(scene: Scene):
    id_ = scene.id_of("free")
    seen = replace(ANN, revision=0)
    await scene.inbox.claim(id_, Request("bob"))
    await scene.inbox.delegate(id_, Request("bob"), Recipient("cem"))
    with pytest.raises(StaleError, match="at revision 2, not 0: delegated by bob at 2026-"):
        await scene.inbox.claim(id_, seen)
    with pytest.raises(StaleError, match="at revision 0, not 3"):
        await scene.inbox.claim(scene.id_of("form"), replace(seen, revision=3))


async def test_everything_is_in_the_log(scene: Scene):
    id_, bob = scene.id_of("free"), Request("bob", "key", "word")
    await scene.inbox.claim(id_, ANN)
    await scene.inbox.give_back(id_, ANN)
    await scene.inbox.claim(id_, bob)
    await scene.inbox.unclaim(id_, bob)
    await scene.inbox.complete(id_, bob, Answer("done"))
    log = await scene.inbox.log(id_)
    assert [(entry.action, entry.by, entry.via) for entry in log] == [
        ("claimed", "ann", "key"),
        ("returned", "ann", "key"),
        ("claimed", "bob", "key"),
        ("unclaimed", "bob", "key"),
        ("completed", "bob", "key"),
    ]
    assert scene.task("free").revision == len(log)
