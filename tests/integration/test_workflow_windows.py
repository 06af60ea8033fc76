"""Runs of many tasks: read window by window, with a history that stays short."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from tests.scripted_steps import ScriptedSteps, auto, human, perform
from tests.temporal_server import SUGGESTED, eventually, temporal_client
from tests.workflow_stage import Handle, Stage

from activity_core.core.run.progress import Progress, TaskEnd, TaskStep
from activity_core.workflows.messages import RunResult
from activity_core.workflows.run_activity import RunActivity


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with temporal_client(short_histories=True) as client:
        yield client


def one(number: int) -> TaskStep:
    return replace(auto(f"t{number}"), group=f"r#{number}", rule="r", parallel=20)


class Windowed(ScriptedSteps):
    """`advance` says what is left of all tasks, in windows of `size` groups."""

    def __init__(self, tasks: Sequence[TaskStep], size: int) -> None:
        super().__init__([])
        self.tasks = tasks
        self.size = size
        for start in range(size, len(tasks), size):
            self.windows[str(start)] = self.window(start)

    def window(self, start: int) -> Progress:
        after = start + self.size
        following = str(after) if after < len(self.tasks) else ""
        return replace(perform(*self.tasks[start:after]), following=following)

    def __post_init__(self) -> None:
        """What is left is asked anew each time."""
        self._advances = iter(self._left, None)

    def _left(self) -> Progress:
        first = self.window(0)
        for start in range(0, len(self.tasks), self.size):
            window = self.window(start)
            left = [task for task in window.tasks if task.task_id not in self.over]
            if left:
                return replace(window, tasks=left)
        return replace(first, tasks=[])


async def lengths(client: Client, handle: Handle) -> list[int]:
    """Of the histories of each run of a workflow, the last one first."""
    found = []
    run_id: str | None = None
    while True:
        each = client.get_workflow_handle(handle.id, run_id=run_id)
        history = await each.fetch_history()
        found.append(len(history.events))
        started = history.events[0].workflow_execution_started_event_attributes
        if not started.continued_execution_run_id:
            return found
        run_id = started.continued_execution_run_id


async def test_all_windows_are_read_and_each_task_is_done_once(client: Client) -> None:
    steps = Windowed([one(n) for n in range(60)], 20)
    await Stage(client, steps).play()
    performed = [call for call in steps.calls if call.startswith("perform")]
    assert sorted(performed) == sorted(f"perform t{n}" for n in range(60))
    assert [call for call in steps.calls if call.startswith("next")] == ["next 20", "next 40"]


async def test_a_long_run_continues_as_new_and_does_nothing_twice(client: Client) -> None:
    steps = Windowed([one(n) for n in range(400)], 100)
    handle = await Stage(client, steps).play()
    performed = [call for call in steps.calls if call.startswith("perform")]
    assert len(performed) == len(set(performed)) == 400
    assert await handle.result() == RunResult({"completed": 1})
    found = await lengths(client, handle)
    assert len(found) > 2
    # Beyond the bound it only lets end what machines had begun.
    assert max(found) < SUGGESTED + 20 * 8 + 20


async def test_the_next_window_waits_while_machines_have_enough_to_do(client: Client) -> None:
    steps = Windowed([one(n) for n in range(350)], 250)
    steps.hold = asyncio.Event()
    stage = Stage(client, steps)
    async with stage.worker:
        handle = await stage.start()
        async with asyncio.timeout(20):
            while steps.at_once < 20:  # noqa: ASYNC110 - the server sets no event of ours
                await asyncio.sleep(0.05)
        assert not [call for call in steps.calls if call.startswith("next")]
        steps.hold.set()
        await handle.result()
    assert steps.most_at_once == 20
    assert len(steps.over) == 350


async def test_people_who_are_waited_for_do_not_hold_up_what_comes_later(client: Client) -> None:
    people = [replace(human(f"h{n}"), group=f"p#{n}", rule="p") for n in range(150)]
    steps = Windowed([*people, one(1)], 150)
    stage = Stage(client, steps)
    async with stage.worker:
        handle = await stage.start()

        async def done() -> bool:
            return "perform t1" in steps.calls

        await eventually(done)
        steps.final.update({task.task_id: "completed/done" for task in people})
        await handle.signal(RunActivity.tasks_changed)
        await handle.result()


async def test_a_wait_for_people_and_callbacks_outlives_a_new_history(client: Client) -> None:
    """The signal that comes while it is continued as new is not lost: the database is asked."""
    waits = replace(human("h"), group="p#0", rule="p")
    asked = replace(auto("cb"), group="c#0", rule="c")
    steps = Windowed([waits, asked, *[one(n) for n in range(200)]], 202)
    steps.ends["cb"] = TaskEnd("running", wait_seconds=600)
    stage = Stage(client, steps)
    async with stage.worker:
        handle = await stage.start()

        async def continued() -> bool:
            found = await client.get_workflow_handle(handle.id).describe()
            return found.run_id != handle.first_execution_run_id and len(steps.over) >= 200

        await eventually(continued)
        steps.final.update({"h": "completed/done", "cb": "completed/done"})
        steps.over.update({"h", "cb"})
        await client.get_workflow_handle(handle.id).signal(RunActivity.tasks_changed)
        await handle.result()
    assert steps.calls.count("perform cb") > 1  # asked again how long it still waits
    found = await client.get_workflow_handle(handle.id).describe()
    assert found.status is WorkflowExecutionStatus.COMPLETED
