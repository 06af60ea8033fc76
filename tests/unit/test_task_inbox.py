"""People's tasks: completed once, with data that fits, and told to whoever waits."""

from typing import Any

import pytest
from tests.core_stage import CoreStage

from activity_core.core.errors import BadInputError, ConflictError, NotFoundError
from activity_core.core.run.task import TaskStatus
from activity_core.ports.doorbell import Topic
from activity_core.services.task_inbox import Completion, TaskInbox

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
      - {id: free, human: {title: Whatever}}
      - {id: later, needs: [form], human: {title: Later}}
      - {id: machine, http: {url: "https://x.example"}}
"""


class Scene:
    def __init__(self) -> None:
        self.stage = CoreStage()
        self.inbox = TaskInbox(
            self.stage.tasks, self.stage.doorbell, self.stage.clock, deployment="test"
        )
        self.run_id = ""

    async def prepare(self) -> None:
        await self.stage.apply(DEFINITION)
        [self.run_id] = await self.stage.submit("asks", "1")
        [execution] = await self.stage.compose()
        await self.stage.runner.advance(execution.execution_id)

    def id_of(self, spec: str) -> str:
        return self.stage.tasks_of(self.run_id)[spec].task.task_id

    async def complete(self, spec: str, outcome: str = "done", data: Any = None) -> Any:
        return await self.inbox.complete(self.id_of(spec), Completion(outcome, data, "so", "ann"))


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await scene.prepare()
    return scene


async def test_a_completion_is_stored_announced_and_rung(scene: Scene):
    task = await scene.complete("form", "approved", {"ok": True})
    assert task.status is TaskStatus.COMPLETED
    assert (task.result.outcome, task.result.outputs, task.result.comment, task.result.by) == (
        "approved",
        {"ok": True},
        "so",
        "ann",
    )
    assert scene.stage.said(scene.run_id)[-1] == "task.completed"
    assert len(await scene.stage.queue.take_signals(10)) == 1
    assert scene.stage.doorbell.rings[Topic.STARTER]
    assert scene.stage.doorbell.rings[Topic.RELAY]


async def test_the_same_again_is_the_stored_one_and_another_a_conflict(scene: Scene):
    first = await scene.complete("free", "done", [1])
    assert await scene.complete("free", "done", [1]) == first
    assert scene.stage.said(scene.run_id).count("task.completed") == 1
    for outcome, data in (("other", [1]), ("done", [2])):
        with pytest.raises(ConflictError, match="ended before"):
            await scene.complete("free", outcome, data)


@pytest.mark.parametrize("data", [None, {}, {"ok": "yes"}, [True]])
async def test_the_data_must_fit_the_form(scene: Scene, data: object):
    with pytest.raises(BadInputError, match="does not fit the task's form"):
        await scene.complete("form", "done", data)
    assert scene.stage.tasks_of(scene.run_id)["form"].task.status is TaskStatus.READY


async def test_what_nobody_can_complete(scene: Scene):
    with pytest.raises(ConflictError, match="automated"):
        await scene.complete("machine")
    with pytest.raises(ConflictError, match="still waits"):
        await scene.complete("later")
    with pytest.raises(NotFoundError):
        await scene.inbox.complete("none", Completion("done", None, "", "ann"))
