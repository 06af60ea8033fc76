"""Temporal activities and workflows of others, called for tasks; and why calls end, by type."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.service import RPCError
from tests.scripted_steps import QUICK, ScriptedSteps, auto, fatal, perform
from tests.temporal_server import eventually, temporal_client
from tests.workflow_stage import Stage

from activity_core.core.run.progress import Call, Patience, TaskEnd, TaskStep


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with temporal_client() as client:
        yield client


class Others:
    """Activities of a team's own worker."""

    def __init__(self) -> None:
        self.attempts = 0

    @activity.defn
    async def add(self, left: int, right: int) -> dict[str, int]:
        return {"sum": left + right}

    @activity.defn
    async def answer(self, size: int) -> str:
        return "x" * size

    @activity.defn
    async def as_bytes(self) -> bytes:
        return b"\x00\xff"

    @activity.defn
    async def nothing(self) -> None:
        return None

    @activity.defn
    async def fails(self, kind: str) -> None:
        self.attempts += 1
        raise ApplicationError("it would not", type=kind)

    @activity.defn
    async def silent(self) -> None:
        await asyncio.sleep(20)


@workflow.defn(sandboxed=False)
class Child:
    """A team's own workflow: here without a sandbox, which would import the tests."""

    @workflow.run
    async def run(self, what: str) -> dict[str, str]:
        if what == "fails":
            raise ApplicationError("not today", type="Weather")
        if what == "waits":
            await workflow.sleep(60)
        return {"was": what}


def called(kind: str = "activity", queue: str = "", **patience: Any) -> TaskStep:
    return replace(
        auto("a", queue=queue), call=kind, patience=replace(QUICK, timeout=10, **patience)
    )


class Calls(Stage):
    """One task, which is a call."""

    def __init__(self, client: Client, step: TaskStep, call: Call) -> None:
        self.others = Others()
        self.script = ScriptedSteps([perform(step)], called={"a": call})
        others = self.others
        super().__init__(
            client,
            self.script,
            activities=[
                others.add,
                others.answer,
                others.as_bytes,
                others.nothing,
                others.fails,
                others.silent,
            ],
            workflows=[Child],
        )

    async def failure(self) -> str:
        """Type and sentence."""
        async with asyncio.timeout(20):
            await self.play()
        [told] = [call for call in self.script.calls if call.startswith("fail_task")]
        return told.removeprefix("fail_task a: ")


async def test_a_temporal_activity_is_called_with_arguments_and_its_answer_is_kept(
    client: Client,
) -> None:
    stage = Calls(client, called(), Call("add", [1, 2]))
    await stage.play()
    assert stage.script.calls == ["advance exec-1", "call a", "end a", "close run-1"]
    assert stage.script.answers == {"a": {"sum": 3}}


async def test_a_child_workflow_has_an_id_that_can_be_found(client: Client) -> None:
    stage = Calls(client, called("workflow"), Call("Child", ["here"]))
    handle = await stage.play()
    assert stage.script.answers == {"a": {"was": "here"}}
    [child] = [
        event.start_child_workflow_execution_initiated_event_attributes
        for event in (await handle.fetch_history()).events
        if event.HasField("start_child_workflow_execution_initiated_event_attributes")
    ]
    assert child.workflow_id == "a-1"


async def test_nothing_is_an_answer(client: Client) -> None:
    stage = Calls(client, called(), Call("nothing"))
    await stage.play()
    assert stage.script.answers == {"a": None}


async def test_what_is_over_is_not_called(client: Client) -> None:
    stage = Calls(client, called(), Call(end=TaskEnd("skipped", "not_wanted")))
    await stage.play()
    assert stage.script.calls == ["advance exec-1", "call a", "close run-1"]


async def test_a_failure_has_the_type_that_its_worker_gave_it(client: Client) -> None:
    stage = Calls(client, called(), Call("fails", ["OutOfStock"]))
    assert await stage.failure() == "OutOfStock: it would not"
    assert stage.others.attempts == 2


async def test_what_is_named_as_final_is_not_tried_again(client: Client) -> None:
    step = called(non_retryable=["OutOfStock"])
    stage = Calls(client, step, Call("fails", ["OutOfStock"]))
    await stage.failure()
    assert stage.others.attempts == 1


async def test_a_child_workflow_that_fails_has_its_type(client: Client) -> None:
    stage = Calls(client, called("workflow"), Call("Child", ["fails"]))
    assert await stage.failure() == "Weather: not today"


@pytest.mark.parametrize("how", ["terminate", "cancel"])
async def test_a_child_workflow_that_somebody_ends(client: Client, how: str) -> None:
    step = replace(called("workflow"), task_id=how)
    stage = Calls(client, step, Call())
    stage.script.called[how] = Call("Child", ["waits"])
    child = client.get_workflow_handle(f"{how}-1")

    async def there() -> bool:
        try:
            await child.describe()
        except RPCError:
            return False
        return True

    async with stage.worker:
        handle = await stage.start()
        await eventually(there)
        await (child.terminate() if how == "terminate" else child.cancel())
        await handle.result()
    told = {"terminate": "terminated: it was terminated", "cancel": "cancelled: it was cancelled"}
    assert f"fail_task {how}: {told[how]} on Temporal" in stage.script.calls


async def test_a_queue_without_workers_is_named(client: Client) -> None:
    step = called(queue="nobody-tq", schedule_to_start=0.3)
    told = await Calls(client, step, Call("add", [1, 2])).failure()
    assert told == "schedule_to_start: no worker took it from task queue nobody-tq within 0.3 s"


async def test_a_child_workflow_on_a_queue_without_workers(client: Client) -> None:
    step = called("workflow", queue="nobody-tq", schedule_to_close=0.5)
    told = await Calls(client, step, Call("Child", ["here"])).failure()
    assert told == "timeout: not done in time, or task queue nobody-tq has no worker of its type"


async def test_a_task_of_ours_on_a_queue_without_workers(client: Client) -> None:
    step = replace(called(queue="nobody-tq", schedule_to_start=0.3), call="")
    told = await Calls(client, step, Call()).failure()
    assert told.startswith("schedule_to_start: no worker took it from task queue nobody-tq")


@pytest.mark.parametrize(
    ("patience", "told"),
    [
        (
            replace(QUICK, attempts=1, heartbeat=0.5),
            "heartbeat: no sign of life for 0.5 s: it hangs, or its worker died",
        ),
        (
            replace(QUICK, attempts=1, timeout=0.5),
            "timeout: no answer within 0.5 s, or its worker died",
        ),
        (
            replace(QUICK, attempts=1, schedule_to_close=0.5),
            "timeout: not done within 0.5 s, all attempts together",
        ),
    ],
    ids=["heartbeat", "timeout", "schedule_to_close"],
)
async def test_silence_has_a_type(client: Client, patience: Patience, told: str) -> None:
    stage = Calls(client, replace(called(), patience=patience), Call("silent"))
    assert await stage.failure() == told


async def test_an_answer_that_is_no_json(client: Client) -> None:
    stage = Calls(client, called(), Call("as_bytes"))
    assert await stage.failure() == "unserialisable: it answers binary/plain, not JSON"


async def test_what_cannot_be_called_fails_its_task(client: Client) -> None:
    stage = Calls(client, called(), Call("add"))
    stage.script.errors["call a"] = [fatal("too_large")]
    assert await stage.failure() == "too_large: no"


@pytest.mark.parametrize("size", [2_100_000, 4_500_000])
async def test_an_answer_that_is_too_large_for_temporal(client: Client, size: int) -> None:
    told = await Calls(client, called(attempts=1), Call("answer", [size])).failure()
    assert told.startswith("too_large: ")


async def test_a_cancelled_run_waits_for_nothing(client: Client) -> None:
    stage = Calls(client, called(heartbeat=5), Call("silent"))
    async with stage.worker:
        handle = await stage.start()

        async def begun() -> bool:
            return "call a" in stage.script.calls

        await eventually(begun)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as ended:
            await handle.result()
    assert isinstance(ended.value.cause, CancelledError)
    assert "close run-1" not in stage.script.calls
