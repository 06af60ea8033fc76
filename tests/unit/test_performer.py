"""Performer, caller and presenter over in-memory stores: what single tasks come to."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from tests.core_stage import CoreStage

from activity_core.adapters.memory.task_performer import MemoryAttempt
from activity_core.core.errors import RejectedError
from activity_core.core.run.errors import TaskFailedError
from activity_core.core.run.progress import Call, TaskEnd, TaskStates
from activity_core.core.run.task import TaskInstance, TaskResult, TaskStatus
from activity_core.ports.task_ledger import Finish

ONCE = MemoryAttempt()
DONE, FAILED = TaskEnd("completed", "done"), TaskEnd("failed", "failed")

TASKS = """
id: work
trigger: {manual: }
rules:
  - id: r
    tasks:
      - {id: post, http: {url: "http://127.0.0.1/"}}
      - {id: run, python: {plugin: nothing}}
      - {id: tell, needs: [post], when: "tasks.post.outputs.ok", emit: {type: a.told}}
      - {id: broken, needs: [post], http: {url: "${tasks.post.outputs.missing.id}"}}
      - id: call
        activity: {type: Resize, args: [1, {size: "${input.size}"}]}
        queue: images
      - id: child
        workflow: {type: Archive, parent_close: abandon}
        queue: archive
      - id: look
        needs: [post]
        human:
          title: "Look at ${tasks.post.outputs.ok}"
          due: P1D
          wait: true
          notify: [{on: [created], http: {url: "http://127.0.0.1/told"}}]
      - {id: never, needs: [post], when: "!tasks.post.outputs.ok", human: {title: No, wait: true}}
      - {id: odd, needs: [post], human: {title: "${tasks.post.outputs.none}", wait: true}}
"""


@pytest.fixture
def stage() -> CoreStage:
    return CoreStage()


async def begun(stage: CoreStage) -> tuple[str, dict[str, str]]:
    await stage.apply(TASKS)
    (run_id,) = await stage.submit("work", "one", data={"size": 3})
    (execution,) = await stage.compose()
    await stage.runner.advance(execution.execution_id)
    return run_id, {name: row.task.task_id for name, row in stage.tasks_of(run_id).items()}


async def test_ends_that_come_meanwhile_share_a_transaction_and_harm_no_other(
    stage: CoreStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, tasks = await begun(stage)
    finish_all = stage.tasks.finish_all
    asked: list[list[str]] = []

    async def picky(finishes: Sequence[Finish]) -> Sequence[TaskInstance]:
        asked.append([finish.task_id for finish in finishes])
        if tasks["child"] in asked[-1]:
            raise RejectedError("it cannot be stored")
        return await finish_all(finishes)

    monkeypatch.setattr(stage.tasks, "finish_all", picky)
    performer = stage.performer
    names = ["post", "run", "child", "call"]
    ends = (performer.fail(tasks[name], 1, "no") for name in names)
    answers = await asyncio.gather(*ends, return_exceptions=True)
    assert [answers[number] for number in (0, 1, 3)] == [FAILED] * 3
    assert isinstance(answers[2], RejectedError)
    assert asked == [[tasks[name] for name in names], *([tasks[name]] for name in names)]


async def test_whoever_answers_later_is_asked_once(stage: CoreStage) -> None:
    _, tasks = await begun(stage)
    stage.http.waits["post"] = timedelta(hours=1)
    assert await stage.performer.perform(tasks["post"], ONCE) == TaskEnd("running", "", 3_600.0)
    stage.clock.advance(timedelta(minutes=20))
    assert await stage.performer.perform(tasks["post"], ONCE) == TaskEnd("running", "", 2_400.0)
    stage.clock.advance(timedelta(hours=1))
    assert await stage.performer.perform(tasks["post"], ONCE) == TaskEnd("running", "", 0.0)
    assert len(stage.http.performed) == 1
    result = TaskResult(TaskStatus.COMPLETED, "done", {"ok": True})
    await stage.tasks.finish(tasks["post"], result, stage.clock.now(), [], ring=True)
    assert await stage.performer.perform(tasks["post"], ONCE) == DONE
    late = await stage.performer.fail(tasks["post"], 1, "nothing came", "callback_timeout")
    assert late == DONE  # the first end stays


async def test_an_attempt_that_fails_leaves_the_task_open(stage: CoreStage) -> None:
    _, tasks = await begun(stage)
    stage.http.failures.before(TaskFailedError("no", type="http_500"))
    with pytest.raises(TaskFailedError):
        await stage.performer.perform(tasks["post"], ONCE)
    assert (await stage.tasks.get(tasks["post"])).status is TaskStatus.RUNNING
    assert await stage.performer.perform(tasks["post"], MemoryAttempt(2)) == DONE


async def test_a_failure_for_good_keeps_its_type_and_its_first_word(stage: CoreStage) -> None:
    run_id, tasks = await begun(stage)
    for error_type in ("http_500", "timeout"):
        assert await stage.performer.fail(tasks["post"], 1, "no", error_type) == FAILED
    result = (await stage.tasks.get(tasks["post"])).result
    assert result is not None
    assert (result.error, result.error_type) == ("no", "http_500")
    assert stage.said(run_id).count("task.failed") == 1


async def test_kinds_that_nobody_performs_fail_at_once(stage: CoreStage) -> None:
    _, tasks = await begun(stage)
    with pytest.raises(TaskFailedError) as caught:
        await stage.performer.perform(tasks["run"], ONCE)
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("ok", "end"), [(True, DONE), (False, TaskEnd("skipped", "not_wanted"))], ids=["yes", "no"]
)
async def test_a_late_condition_decides_when_its_turn_has_come(
    stage: CoreStage,
    ok: bool,  # noqa: FBT001 - a parameter of the test
    end: TaskEnd,
) -> None:
    run_id, tasks = await begun(stage)
    stage.http.outputs["post"] = {"ok": ok}
    await stage.performer.perform(tasks["post"], ONCE)
    for _ in range(2):
        assert await stage.performer.perform(tasks["tell"], ONCE) == end
    assert stage.said(run_id).count("a.told") == int(ok)


async def test_words_that_cannot_be_told_fail_their_task(stage: CoreStage) -> None:
    _, tasks = await begun(stage)
    await stage.performer.perform(tasks["post"], ONCE)
    assert await stage.performer.perform(tasks["broken"], ONCE) == FAILED
    result = (await stage.tasks.get(tasks["broken"])).result
    assert result is not None
    assert result.error_type == "expression_failed"


async def test_what_the_workflow_calls_is_said_in_ids_of_types_and_arguments(
    stage: CoreStage,
) -> None:
    _, tasks = await begun(stage)
    assert await stage.caller.call(tasks["call"], 1) == Call("Resize", [1, {"size": 3}])
    assert (await stage.caller.call(tasks["child"], 1)).parent_close == "abandon"
    assert (await stage.tasks.get(tasks["call"])).status is TaskStatus.RUNNING
    for answer in ({"width": 3}, "another"):
        assert await stage.caller.end(tasks["call"], 1, answer) == DONE
    result = (await stage.tasks.get(tasks["call"])).result
    assert result is not None
    assert result.outputs == {"width": 3}
    assert await stage.caller.call(tasks["call"], 1) == Call(end=DONE)


@pytest.mark.parametrize(
    ("answer", "error_type"),
    [(float("nan"), "unserialisable"), ({1, 2}, "unserialisable"), ("x" * 2_000_000, "too_large")],
    ids=["nan", "set", "long"],
)
async def test_an_answer_that_cannot_be_kept_is_a_failure(
    stage: CoreStage, answer: object, error_type: str
) -> None:
    _, tasks = await begun(stage)
    await stage.caller.call(tasks["call"], 1)
    assert await stage.caller.end(tasks["call"], 1, answer) == FAILED
    result = (await stage.tasks.get(tasks["call"])).result
    assert result is not None
    assert result.error_type == error_type


async def test_people_see_what_is_due_from_now_on_and_are_told_once(stage: CoreStage) -> None:
    run_id, tasks = await begun(stage)
    stage.http.outputs["post"] = {"ok": True}
    await stage.performer.perform(tasks["post"], ONCE)
    stage.clock.advance(timedelta(hours=3))
    shown = stage.clock.now()
    asked = [tasks["look"], tasks["never"], tasks["odd"]]
    ends = TaskStates({tasks["never"]: TaskEnd("skipped", "not_wanted"), tasks["odd"]: FAILED})
    assert await stage.presenter.make_ready(asked, 1) == ends
    stage.clock.advance(timedelta(hours=1))
    assert await stage.presenter.make_ready(asked, 1) == ends
    look = (await stage.tasks.get(tasks["look"])).clock
    assert look.due_at == shown + timedelta(days=1)
    task = await stage.tasks.get(tasks["look"])
    assert (task.title, task.status, task.ready_at) == ("Look at true", TaskStatus.READY, shown)
    waiting = await stage.queue.take_tasks(9)
    assert [each.spec_id for each in waiting] == ["look/notify/0/created-0"]
    assert await stage.presenter.states(run_id, asked) == ends


async def test_tasks_that_never_start_are_skipped_together(stage: CoreStage) -> None:
    run_id, tasks = await begun(stage)
    asked = [tasks["look"], tasks["never"], tasks["post"]]
    await stage.performer.perform(tasks["post"], ONCE)
    for _ in range(2):
        await stage.closer.skip(asked, 1)
    await stage.closer.skip([], 1)
    ends = (await stage.presenter.states(run_id, asked)).final
    skipped = TaskEnd("skipped", "skipped")
    assert ends == {tasks["look"]: skipped, tasks["never"]: skipped, tasks["post"]: DONE}
    assert stage.said(run_id).count("task.cancelled") == 2
