"""The preparer: late tasks get their words once, or turn out not to be wanted."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.core_stage import CoreStage

from activity_core.core.jsontext import JsonValue
from activity_core.core.rules.task_spec import TaskRole
from activity_core.core.run.errors import TaskFailedError
from activity_core.core.run.task import NOT_WANTED, TaskInstance, TaskResult, TaskStatus
from activity_core.ports.doorbell import Topic

DEFINITION = """
id: pipeline
trigger: {manual: }
context: {team: {config: team}}
rules:
  - id: r
    for_each: input.parts
    as: part
    tasks:
      - {id: extract, http: {url: "https://x.example/${part}"}}
      - id: load
        needs: [extract]
        when: tasks.extract.outputs.rows > 0
        http: {url: "https://x.example/${part}/${tasks.extract.outputs.rows}"}
      - id: review
        needs: [load]
        human:
          title: "Review ${tasks.extract.outputs.rows} rows of ${part}"
          assign: {group: "${context.team}"}
          due: P1D
"""


class Scene:
    def __init__(self) -> None:
        self.stage = CoreStage()

    async def prepare(self) -> None:
        await self.stage.apply(DEFINITION)
        [self.run_id] = await self.stage.submit("pipeline", "1", data={"parts": ["a", "b"]})
        [execution] = await self.stage.compose()
        await self.stage.runner.advance(execution.execution_id)

    async def task(self, spec_id: str, item: int) -> TaskInstance:
        group = await self.stage.tasks.group(self.run_id, "r", item)
        (task,) = (task for task in group if task.spec_id == spec_id)
        return task

    async def extracted(self, item: int, outputs: JsonValue) -> None:
        task = await self.task("extract", item)
        result = TaskResult(TaskStatus.COMPLETED, "done", outputs)
        await self.stage.tasks.finish(task.task_id, result, self.stage.clock.now(), [])

    async def prepared(self, spec_id: str, item: int) -> TaskInstance:
        return await self.stage.preparer.prepared(await self.task(spec_id, item))


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await scene.prepare()
    return scene


async def test_words_of_the_item_and_of_what_its_needs_came_to(scene: Scene) -> None:
    await scene.extracted(0, {"rows": 3})
    await scene.extracted(1, {"rows": 5})
    before = await scene.task("load", 1)
    assert (before.late, before.inputs, before.title) == (True, {}, "load")
    task = await scene.prepared("load", 1)
    assert task == await scene.task("load", 1)
    assert (task.late, task.status) == (False, TaskStatus.PENDING)
    assert task.inputs["url"] == "https://x.example/b/5"


async def test_what_is_not_late_stays_as_it_is(scene: Scene) -> None:
    task = await scene.task("extract", 0)
    assert await scene.stage.preparer.prepared(task) is task


async def test_the_first_words_stay(scene: Scene) -> None:
    late = await scene.task("load", 0)
    await scene.extracted(0, {"rows": 3})
    first = await scene.stage.preparer.prepared(late)
    tables = scene.stage.state.tables
    row = tables.tasks[(await scene.task("extract", 0)).task_id]
    other = replace(row.task, result=TaskResult(TaskStatus.COMPLETED, "done", {"rows": 4}))
    tables.tasks[other.task_id] = replace(row, task=other)
    assert await scene.stage.preparer.prepared(late) == first


async def test_a_condition_that_does_not_hold_skips_it(scene: Scene) -> None:
    await scene.extracted(0, {"rows": 0})
    task = await scene.prepared("load", 0)
    assert task.status is TaskStatus.SKIPPED
    assert task.result is not None
    assert task.result.outcome == NOT_WANTED
    said = scene.stage.said(scene.run_id)
    assert said[-1] == "task.cancelled"
    assert scene.stage.doorbell.rings[Topic.RELAY]
    assert (await scene.prepared("load", 0)).status is TaskStatus.SKIPPED
    assert scene.stage.said(scene.run_id) == said


async def test_people_have_time_from_then_on(scene: Scene) -> None:
    await scene.extracted(0, {"rows": 3})
    now = scene.stage.clock.advance(timedelta(hours=5))
    task = await scene.prepared("review", 0)
    assert (task.title, task.groups) == ("Review 3 rows of a", ("billing",))
    assert task.clock.due_at == now + timedelta(days=1)


async def test_words_that_cannot_be_told_are_a_failure_for_good(scene: Scene) -> None:
    await scene.extracted(0, {"lines": 3})
    with pytest.raises(TaskFailedError, match="rule r") as error:
        await scene.prepared("load", 0)
    assert (error.value.type, error.value.retryable) == ("expression_failed", False)
    assert (await scene.task("load", 0)).late


TOLD = """
id: told
trigger: {manual: }
rules:
  - id: r
    tasks:
      - id: call
        human:
          title: Call
          assign: {group: sales}
          notify:
            - on: [created]
              http: {url: "/x", json: ["${notice}", "${task.title}", "${task.groups}"]}
"""


async def test_a_notification_sees_the_task_that_it_tells_of() -> None:
    stage = CoreStage()
    await stage.apply(TOLD)
    [run_id] = await stage.submit("told", "1")
    [execution] = await stage.compose()
    await stage.runner.advance(execution.execution_id)
    group = await stage.tasks.group(run_id, "r", 0)
    (notification,) = (task for task in group if task.role is TaskRole.NOTIFICATION)
    task = await stage.preparer.prepared(notification)
    assert task.inputs["json"] == ["created", "Call", ["sales"]]
