"""Tasks of a run on a real server with scripted steps: joins, callbacks, compensation."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from temporalio.client import Client
from tests.scripted_steps import QUICK, ScriptedSteps, auto, fatal, human, perform
from tests.temporal_server import eventually, temporal_client
from tests.workflow_stage import Handle, Stage, play

from activity_core.core.run.progress import TaskEnd, TaskStep
from activity_core.workflows.messages import RunResult
from activity_core.workflows.run_activity import RunActivity

PATIENT = replace(QUICK, timeout=60, heartbeat=2)
"""Of tasks that are held: they give signs of life."""


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with temporal_client() as client:
        yield client


def saga(task_id: str, *needs: str, group: str = "r#0") -> TaskStep:
    step = replace(auto(task_id, *needs), group=group, rule="r", on_failure="compensate", undo=True)
    return replace(step, patience=PATIENT)


def told(steps: ScriptedSteps) -> list[str]:
    """Without the questions what became of tasks."""
    return [call for call in steps.calls if not call.startswith("states")]


async def begun(steps: ScriptedSteps, *task_ids: str) -> None:
    async with asyncio.timeout(10):
        for task_id in task_ids:
            await steps.ready[f"begun {task_id}"].wait()


async def noted(steps: ScriptedSteps, call: str) -> None:
    async def there() -> bool:
        return call in steps.calls

    await eventually(there)


async def ring(handle: Handle) -> None:
    await handle.signal(RunActivity.tasks_changed)


async def test_a_task_may_wait_for_a_failure_and_others_for_whatever_comes(client: Client) -> None:
    graph = perform(
        auto("a"),
        auto("b", "a"),
        replace(auto("mend", "a"), join="any_failed"),
        replace(auto("tidy", "b", "mend"), join="all_done"),
        replace(auto("never", "mend"), join="any_failed"),
    )
    calls = await play(client, ScriptedSteps([graph], errors={"a": [fatal("http_404")]}))
    assert calls[1:3] == ["perform a", "fail_task a: http_404: no"]
    # What can never start is recorded before anybody whose words may tell of it begins.
    assert calls[3:] == ["skip b", "perform mend", "skip never", "perform tidy", "close run-1"]


async def test_what_is_not_wanted_is_as_if_it_were_not_there(client: Client) -> None:
    steps = ScriptedSteps(
        [perform(auto("a"), auto("b", "a"), human("h", "b"), auto("c", "h"))],
        ends={"a": TaskEnd("skipped", "not_wanted"), "h": TaskEnd("skipped", "not_wanted")},
    )
    calls = await play(client, steps)
    assert calls[1:3] == ["perform a", "perform b"]
    assert "perform c" in calls


async def test_a_failure_that_does_not_matter_lets_others_go_on(client: Client) -> None:
    graph = perform(replace(auto("a"), on_failure="continue"), auto("b", "a"))
    calls = await play(client, ScriptedSteps([graph], errors={"a": [fatal()]}))
    assert calls[-2:] == ["perform b", "close run-1"]


async def test_each_rule_has_a_bound_of_its_own(client: Client) -> None:
    tasks = [replace(auto(f"t{n}"), rule="one", parallel=2) for n in range(5)]
    steps = ScriptedSteps([perform(*tasks, replace(auto("x"), rule="two"))])
    steps.hold = asyncio.Event()
    stage = Stage(client, steps)
    async with stage.worker:
        handle = await stage.start()
        await begun(steps, "t0", "t1", "x")
        steps.hold.set()
        await handle.result()
    assert steps.most_at_once == 3
    assert len(steps.over) == 6


async def test_a_callback_ends_its_task(client: Client) -> None:
    waits = TaskEnd("running", wait_seconds=60)
    steps = ScriptedSteps([perform(auto("a"), auto("b", "a"))], ends={"a": waits})
    stage = Stage(client, steps)
    async with stage.worker:
        handle = await stage.start()
        async with asyncio.timeout(10):
            await steps.ready["asked"].wait()
        steps.final["a"] = "completed/done"
        await ring(handle)
        await handle.result()
    assert told(steps) == ["advance exec-1", "perform a", "perform b", "close run-1"]


async def test_a_callback_that_was_quicker_than_the_answer_is_found(client: Client) -> None:
    steps = ScriptedSteps(
        [perform(auto("a"), human("h"))],
        ends={"a": TaskEnd("running", wait_seconds=3600)},
        final={"a": "completed/done", "h": "completed/done"},
    )
    async with asyncio.timeout(10):
        await play(client, steps)


async def test_a_callback_that_never_comes_fails_its_task(client: Client) -> None:
    waits = TaskEnd("running", wait_seconds=0.1)
    steps = ScriptedSteps([perform(auto("a"), auto("b", "a"))], ends={"a": waits})
    await play(client, steps)
    failure = "fail_task a: callback_timeout: nothing came back within the time of its `callback`"
    assert told(steps) == ["advance exec-1", "perform a", failure, "close run-1"]


async def test_a_callback_that_came_just_in_time_counts(client: Client) -> None:
    ends = {"a": TaskEnd("running", wait_seconds=0.1), "fail a": TaskEnd("completed", "done")}
    steps = ScriptedSteps([perform(auto("a"), auto("b", "a"))], ends=ends)
    await play(client, steps)
    assert "perform b" in steps.calls


@pytest.mark.parametrize("outcome", ["not_wanted", "skipped"])
async def test_an_operator_takes_a_task_away_from_its_machine(client: Client, outcome: str) -> None:
    task = replace(auto("a"), patience=PATIENT)
    steps = ScriptedSteps([perform(task, auto("b", "a"), auto("x"))], held=frozenset("ax"))
    steps.hold = asyncio.Event()
    stage = Stage(client, steps)
    async with stage.worker:
        handle = await stage.start()
        await begun(steps, "a", "x")
        steps.final["a"] = f"skipped/{outcome}"
        await ring(handle)
        await noted(steps, "cancelled a")
        steps.hold.set()
        await handle.result()
    assert ("perform b" in steps.calls) == (outcome == "not_wanted")
    assert "perform a" not in steps.calls
    assert not [call for call in steps.calls if call.startswith("fail_task")]


async def test_a_failed_group_is_undone_and_others_are_not(client: Client) -> None:
    graph = perform(saga("a"), saga("b", "a"), saga("c", "b"), saga("x", group="r#1"))
    undo = {"r#0": [auto("undo-a")]}
    steps = ScriptedSteps([graph], errors={"b": [fatal()]}, undo=undo)
    await play(client, steps)
    assert [call for call in told(steps) if call != "perform x"] == [
        "advance exec-1",
        "perform a",
        "perform b",
        "fail_task b: task_failed: no",
        "undo r#0",
        "perform undo-a",
        "undo r#0",
        "close run-1",
    ]
    assert "perform x" in steps.calls


async def test_a_compensation_that_fails_calls_for_help_and_others_go_on(client: Client) -> None:
    undo = {"r#0": [auto("undo-b"), auto("undo-a")]}
    errors: dict[str, list[Exception]] = {"b": [fatal()], "undo-b": [fatal("http_500")]}
    steps = ScriptedSteps([perform(saga("a"), saga("b", "a"))], errors=errors, undo=undo)
    calls = await play(client, steps)
    assert calls[calls.index("undo r#0") :] == [
        "undo r#0",
        "perform undo-b",
        "fail_task undo-b: http_500: no",
        "help undo-b",
        "perform undo-a",
        "undo r#0",
        "close run-1",
    ]


async def test_a_compensation_may_wait_for_a_callback(client: Client) -> None:
    steps = ScriptedSteps(
        [perform(saga("a"), saga("b", "a"))],
        errors={"b": [fatal()]},
        ends={"undo-a": TaskEnd("running", wait_seconds=60)},
        undo={"r#0": [auto("undo-a"), auto("undo-x")]},
        final={"undo-a": "completed/done"},
    )
    await play(client, steps)
    assert told(steps)[-5:-2] == ["undo r#0", "perform undo-a", "perform undo-x"]


async def test_what_machines_do_in_a_failed_group_ends_before_it_is_undone(client: Client) -> None:
    graph = perform(saga("a"), saga("b"), saga("c", "b"))
    steps = ScriptedSteps([graph], errors={"a": [fatal()]}, held=frozenset("b"))
    steps.hold = asyncio.Event()
    stage = Stage(client, steps)
    async with stage.worker:
        await (await stage.start()).result()
    after = told(steps)[told(steps).index("fail_task a: task_failed: no") :]
    assert after == ["fail_task a: task_failed: no", "cancelled b", "undo r#0", "close run-1"]


async def test_people_are_not_waited_for_in_a_group_that_failed(client: Client) -> None:
    waits = replace(human("h"), group="r#0", rule="r")
    steps = ScriptedSteps([perform(saga("a"), waits)], errors={"a": [fatal()]})
    await play(client, steps)
    assert told(steps)[-2:] == ["undo r#0", "close run-1"]


async def test_a_person_who_is_too_late_has_a_group_undone(client: Client) -> None:
    waits = replace(human("h"), group="r#0", rule="r", on_failure="compensate")
    steps = ScriptedSteps([perform(waits, saga("a", "h"))], final={"h": "expired/expired"})
    await play(client, steps)
    assert told(steps) == ["advance exec-1", "undo r#0", "close run-1"]


async def test_a_stopped_run_is_undone_as_a_whole(client: Client) -> None:
    graph = perform(saga("a"), saga("b", "a"), saga("x", group="r#1"), human("h"))
    undo = {"": [auto("undo-a"), auto("undo-x"), auto("undo-y")]}
    steps = ScriptedSteps([graph], undo=undo, held=frozenset("ax"))
    steps.hold = asyncio.Event()
    stage = Stage(client, steps)
    async with stage.worker:
        handle = await stage.start()
        await begun(steps, "a", "x")
        steps.stop = "compensate"
        await ring(handle)
        await handle.result()
    assert set(told(steps)[1:3]) == {"cancelled a", "cancelled x"}
    assert told(steps)[3:] == [
        "undo all",
        "perform undo-a",
        "perform undo-x",
        "undo all",
        "perform undo-y",
        "undo all",
        "close run-1",
    ]


async def test_a_run_that_was_stopped_before_it_is_read_only_undoes(client: Client) -> None:
    stopped = replace(perform(saga("a"), human("h")), stop="compensate")
    steps = ScriptedSteps([stopped], undo={"": [auto("undo-x")]})
    handle = await Stage(client, steps).play()
    assert told(steps) == [
        "advance exec-1",
        "undo all",
        "perform undo-x",
        "undo all",
        "close run-1",
    ]
    assert await handle.result() == RunResult({"completed": 1})
