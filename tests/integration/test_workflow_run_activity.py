"""RunActivity on a real server with scripted steps: what it does, and what its history holds."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from tests.scripted_steps import DONE, ScriptedSteps, auto, fatal, gather, human, perform
from tests.temporal_server import temporal_client
from tests.workflow_stage import Stage, play

from activity_core.core.run.progress import Progress
from activity_core.workflows.messages import RunRequest, RunResult
from activity_core.workflows.run_activity import RunActivity

PARALLEL = 10
"""Of a step that says nothing else."""


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with temporal_client() as client:
        yield client


async def test_a_fused_execution_is_one_local_activity_in_one_workflow_task(client: Client) -> None:
    handle = await Stage(client, ScriptedSteps([DONE])).play()
    history = await handle.fetch_history()
    assert [EventType.Name(event.event_type) for event in history.events] == [
        "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED",
        "EVENT_TYPE_WORKFLOW_TASK_SCHEDULED",
        "EVENT_TYPE_WORKFLOW_TASK_STARTED",
        "EVENT_TYPE_WORKFLOW_TASK_COMPLETED",
        "EVENT_TYPE_MARKER_RECORDED",
        "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED",
    ]
    assert await handle.result() == RunResult({"completed": 1})


async def test_what_was_closed_before_it_continued_as_new_is_counted(client: Client) -> None:
    stage = Stage(client, ScriptedSteps([DONE]))
    request = RunRequest("exec-1", {"completed": 2, "failed": 1})
    async with stage.worker:
        result = await client.execute_workflow(
            RunActivity.run, request, id=f"{stage.queue}-run", task_queue=stage.queue
        )
    assert result == RunResult({"completed": 3, "failed": 1})


async def test_sources_are_gathered_and_then_it_goes_on(client: Client) -> None:
    calls = await play(client, ScriptedSteps([gather("a", "b"), DONE]))
    assert calls[0] == calls[-1] == "advance exec-1"
    assert sorted(calls[1:-1]) == ["gather a", "gather b"]


async def test_a_source_is_tried_as_often_as_it_says_and_then_the_run_fails(client: Client) -> None:
    refused = [ApplicationError("refused", type="context_unavailable") for _ in range(2)]
    stage = Stage(client, ScriptedSteps([gather("a")], errors={"a": list(refused)}))
    handle = await stage.play()
    assert stage.steps.calls == [
        "advance exec-1",
        "gather a",
        "gather a",
        "fail_run context_unavailable: refused",
    ]
    assert await handle.result() == RunResult({"failed": 1})


async def test_an_outage_of_ours_uses_no_attempt_of_a_source(client: Client) -> None:
    away = [fatal("unavailable") for _ in range(2)]
    calls = await play(client, ScriptedSteps([gather("a"), DONE], errors={"a": list(away)}))
    assert calls == ["advance exec-1", "gather a", "gather a", "gather a", "advance exec-1"]


async def test_an_outage_of_many_attempts_is_outlived_by_timers(client: Client) -> None:
    outage: list[Progress | Exception] = [ApplicationError("x", type="unavailable")] * 5
    handle = await Stage(client, ScriptedSteps([*outage, DONE])).play()
    history = await handle.fetch_history()
    kinds = [EventType.Name(event.event_type) for event in history.events]
    assert kinds.count("EVENT_TYPE_TIMER_FIRED") >= 1
    assert "EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT" not in kinds
    assert "EVENT_TYPE_WORKFLOW_TASK_FAILED" not in kinds


async def test_tasks_wait_for_what_they_need(client: Client) -> None:
    graph = perform(auto("c", "a", "b"), auto("b", "a"), auto("a"))
    calls = await play(client, ScriptedSteps([graph]))
    assert calls == ["advance exec-1", "perform a", "perform b", "perform c", "close run-1"]


async def test_what_needs_a_failed_task_is_left_and_the_rest_is_done(client: Client) -> None:
    graph = perform(auto("a"), auto("b", "a"), auto("c", "b"), human("h", "a"), auto("x"))
    calls = await play(client, ScriptedSteps([graph], errors={"a": [fatal()]}))
    assert sorted(calls[1:-1]) == ["fail_task a: task_failed: no", "perform a", "perform x"]


async def test_tasks_done_in_an_earlier_attempt_count(client: Client) -> None:
    graph = perform(
        replace(auto("a"), status="completed"),
        auto("b", "a"),
        replace(auto("c"), status="cancelled"),
        auto("d", "c"),
    )
    calls = await play(client, ScriptedSteps([graph]))
    assert calls == ["advance exec-1", "perform b", "close run-1"]


async def test_a_task_is_tried_again_as_often_as_it_says(client: Client) -> None:
    flaky = [ApplicationError("later", type="task_failed")]
    calls = await play(client, ScriptedSteps([perform(auto("a"))], errors={"a": list(flaky)}))
    assert calls == ["advance exec-1", "perform a", "perform a", "close run-1"]


async def test_only_so_many_tasks_at_a_time(client: Client) -> None:
    steps = ScriptedSteps([perform(*(auto(f"t{n}") for n in range(PARALLEL + 5)))])
    steps.hold = asyncio.Event()
    stage = Stage(client, steps)
    async with stage.worker:
        handle = await stage.start()
        async with asyncio.timeout(10):
            while steps.at_once < PARALLEL:  # noqa: ASYNC110 - the server sets no event of ours
                await asyncio.sleep(0.05)
        steps.hold.set()
        await handle.result()
    assert steps.most_at_once == PARALLEL
    assert len(steps.calls) == PARALLEL + 5 + 2


async def test_a_person_is_waited_for_until_the_doorbell_rings(client: Client) -> None:
    steps = ScriptedSteps([perform(auto("a"), human("h", "a"), auto("b", "h"))])
    stage = Stage(client, steps)
    async with stage.worker:
        handle = await stage.start()
        async with asyncio.timeout(10):
            await steps.ready["h"].wait()
            await steps.ready["asked"].wait()
        await handle.signal(RunActivity.tasks_changed)  # about something else: asked for nothing
        steps.final["h"] = "completed"
        await handle.signal(RunActivity.tasks_changed)
        await handle.result()
    told = [call for call in steps.calls if not call.startswith("states")]
    assert told == ["advance exec-1", "perform a", "ready h", "perform b", "close run-1"]
    assert steps.calls.count("states h") >= 2


async def test_who_was_quicker_than_the_workflow_needs_no_doorbell(client: Client) -> None:
    steps = ScriptedSteps([perform(human("h"), auto("b", "h"))], final={"h": "completed"})
    calls = await play(client, steps)
    assert calls == ["advance exec-1", "states h", "perform b", "close run-1"]


async def test_a_cancelled_human_task_leaves_what_needs_it(client: Client) -> None:
    steps = ScriptedSteps([perform(human("h"), auto("b", "h"))], final={"h": "cancelled"})
    assert "perform b" not in await play(client, steps)


async def test_people_who_are_not_awaited_keep_nothing_open(client: Client) -> None:
    graph = perform(auto("a"), human("h", "a", awaited=False))
    calls = await play(client, ScriptedSteps([graph]))
    assert calls == ["advance exec-1", "perform a", "ready h", "close run-1"]
