"""Records the histories that the replay test replays: `python -m tests.replay.record`.

Run it when a new kind of history exists. Never record an old name anew: the recorded ones stand
for workflows that are open while a new release is rolled out.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker
from tests.scripted_steps import (
    DONE,
    QUICK,
    ScriptedSettler,
    ScriptedSteps,
    auto,
    fatal,
    gather,
    human,
    perform,
)
from tests.scripted_turns import ScriptedTurns, asks, turn
from tests.temporal_server import temporal_client

from activity_core.core.run.progress import Call, TaskEnd, TaskStep
from activity_core.workflows.case_messages import RING, SETTLE, CaseRequest
from activity_core.workflows.messages import RunRequest
from activity_core.workflows.ongoing_case import OngoingCase
from activity_core.workflows.perform_task import PerformTask
from activity_core.workflows.run_activity import RunActivity
from activity_core.workflows.slot_tick import SlotTick

HISTORIES = Path(__file__).parent / "histories"
PRIVATE = frozenset({"identity", "stackTrace"})


def scenes() -> Mapping[str, ScriptedSteps]:
    """One script per way that a run can take."""
    away = ApplicationError("away", type="unavailable")
    refused = ApplicationError("refused", type="context_unavailable")
    graph = (
        auto("a"),
        auto("b", "a"),
        human("ask", "a"),
        auto("c", "b", "ask"),
        auto("bad"),
        auto("left", "bad"),
        replace(auto("old"), status="cancelled"),
        human("look", "a", awaited=False),
    )
    saga = tuple(
        replace(auto(*ids), group="r#0", rule="r", on_failure="compensate", undo=True)
        for ids in (("a",), ("b", "a"), ("c", "b"))
    )
    joins = (
        auto("a"),
        auto("b", "a"),
        replace(auto("mend", "a"), join="any_failed"),
        replace(auto("tidy", "b", "mend"), join="all_done"),
        replace(human("h", "a"), join="all_done"),
        replace(auto("x"), on_failure="continue"),
        auto("y", "x"),
    )
    undo = [auto("undo-b"), auto("undo-a")]
    called = (replace(auto("called"), call="activity"), replace(auto("child"), call="workflow"))
    waits = TaskEnd("running", wait_seconds=600)
    gives_up = TaskEnd("running", wait_seconds=0.1)
    return {
        "fused": ScriptedSteps([DONE]),
        "fused_after_an_outage": ScriptedSteps([*[away] * 6, DONE]),
        "gathered": ScriptedSteps([gather("x", "y"), DONE], errors={"x": [fatal("unavailable")]}),
        "not_gathered": ScriptedSteps([gather("x", "y")], errors={"x": [refused, refused]}),
        "gathered_and_performed": ScriptedSteps([gather("x"), perform(auto("a"))]),
        "graph": ScriptedSteps(
            [perform(*graph)], errors={"bad": [fatal()]}, final={"ask": "completed"}
        ),
        "saga": ScriptedSteps(
            [perform(*saga, auto("other"))],
            errors={"c": [fatal()], "undo-b": [fatal()]},
            undo={"r#0": undo},
        ),
        "undone_with_a_callback": ScriptedSteps(
            [perform(*saga)],
            errors={"c": [fatal()]},
            ends={"undo-b": waits},
            undo={"r#0": undo},
            final={"undo-b": "completed/done"},
        ),
        "stopped": ScriptedSteps([replace(perform(*saga), stop="compensate")], undo={"": undo}),
        "joins": ScriptedSteps(
            [perform(*joins)],
            errors={"a": [fatal()], "x": [fatal()]},
            ends={"mend": TaskEnd("skipped", "not_wanted")},
            final={"h": "expired/too_late"},
        ),
        "callbacks": ScriptedSteps(
            [perform(auto("a"), auto("b", "a"), auto("late"))],
            ends={"a": waits, "late": gives_up},
            final={"a": "completed/done"},
        ),
        "called": ScriptedSteps(
            [perform(*called)],
            called={"called": Call("echo", ["hello"]), "child": Call("SlotTick")},
        ),
        "taken_away": ScriptedSteps(
            [perform(auto("a"), auto("b", "a"))],
            final={"a": "skipped/not_wanted"},
            hold=asyncio.Event(),
            held=frozenset("a"),
        ),
        "windows": ScriptedSteps(
            [replace(perform(*_some(0, 50)), following="50"), perform(auto("last"))],
            windows={"50": perform(*_some(50, 80), human("h", awaited=True))},
        ),
        "stopped_midway": ScriptedSteps(
            [perform(replace(saga[0], patience=replace(QUICK, heartbeat=1)), saga[1])],
            undo={"": undo},
            stop="compensate",
            hold=asyncio.Event(),
            held=frozenset("a"),
        ),
    }


def _some(first: int, end: int) -> list[TaskStep]:
    return [replace(auto(f"t{n}"), group=f"r#{n}", rule="r") for n in range(first, end)]


def ticks() -> Mapping[str, ScriptedSettler]:
    """One script per way that a tick can take."""
    away = ApplicationError("away", type="unavailable")
    return {
        "tick": ScriptedSettler(),
        "tick_after_an_outage": ScriptedSettler(errors=[away] * 6),
    }


def alone() -> Mapping[str, ScriptedSteps]:
    """One script per way that a task without a run can take."""
    return {
        "alone": ScriptedSteps([]),
        "alone_failed": ScriptedSteps([], errors={"a": [fatal()]}),
    }


def cases() -> Mapping[str, ScriptedTurns]:
    """One script per way that a case can take."""
    timer = turn(wake_in=0.3, waiting_for="reminder 2026-11-21T09:00:00Z")
    return {
        "case": ScriptedTurns([timer, turn(), turn(), turn(more=True)], settled=True),
        "case_continued": ScriptedTurns([turn(more=True)] * 3, most_steps=2),
        "case_gathered": ScriptedTurns(
            [asks("x", "y"), asks("x", "silent"), turn(more=True)], silent=frozenset({"silent"})
        ),
    }


async def record_run(client: Client, name: str, steps: ScriptedSteps) -> str:
    """Play one script of a run; returns the history as JSON."""
    async with _worker(client, name, [*steps.all, echo, ScriptedSettler().settle_slots]):
        handle = await client.start_workflow(
            RunActivity.run, RunRequest(execution_id="exec-1"), **_how(name)
        )
        for task_id in steps.held:  # what a machine does already
            await steps.ready[f"begun {task_id}"].wait()
        await handle.signal(RunActivity.tasks_changed)
        return await _history(client, handle)


async def record_tick(client: Client, name: str, settler: ScriptedSettler) -> str:
    """Play one script of a tick; returns the history as JSON."""
    async with _worker(client, name, [settler.settle_slots]):
        return await _history(client, await client.start_workflow(SlotTick.run, **_how(name)))


async def record_alone(client: Client, name: str, steps: ScriptedSteps) -> str:
    """Play one script of a task that no run carries out; returns the history as JSON."""
    async with _worker(client, name, steps.all):
        how = _how(name)
        return await _history(
            client, await client.start_workflow(PerformTask.run, auto("a"), **how)
        )


async def record_case(client: Client, name: str, turns: ScriptedTurns) -> str:
    """Play one script of a case; returns the history as JSON."""
    async with _worker(client, name, turns.all):
        request = CaseRequest("case-1", most_steps=turns.most_steps)
        handle = await client.start_workflow(
            OngoingCase.run, request, start_signal=RING, **_how(name)
        )
        if turns.settled:
            await turns.taken[1].wait()  # its timer is to fire before
            await handle.execute_update(SETTLE)
            await handle.signal(RING)
        return await _history(client, handle)


@activity.defn
async def echo(words: str) -> dict[str, str]:
    """A Temporal activity of others."""
    return {"said": words}


def _worker(client: Client, name: str, activities: Sequence[Callable[..., Any]]) -> Worker:
    return Worker(
        client,
        task_queue=name,
        workflows=[RunActivity, SlotTick, PerformTask, OngoingCase],
        activities=activities,
        identity="recorder",  # it gets into names of queues
    )


def _how(name: str) -> dict[str, Any]:
    return {"id": name, "task_queue": name, "task_timeout": timedelta(seconds=4)}


async def _history(client: Client, handle: WorkflowHandle[Any, Any]) -> str:
    """Of the first run, if it continued as new."""
    await handle.result()
    first = client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)
    return json.dumps(_anonymous((await first.fetch_history()).to_json_dict()), indent=1)


def _anonymous(value: Any) -> Any:
    """Without what tells about the machine it was recorded on."""
    if isinstance(value, dict):
        return {key: _anonymous(item) for key, item in value.items() if key not in PRIVATE}
    return [_anonymous(item) for item in value] if isinstance(value, list) else value


async def main() -> None:
    """Record what is not recorded yet."""
    HISTORIES.mkdir(exist_ok=True)
    async with temporal_client(short_histories=True) as client:
        for name, steps in scenes().items():
            await _keep(name, partial(record_run, client, name, steps))
        for name, settler in ticks().items():
            await _keep(name, partial(record_tick, client, name, settler))
        for name, steps in alone().items():
            await _keep(name, partial(record_alone, client, name, steps))
        for name, turns in cases().items():
            await _keep(name, partial(record_case, client, name, turns))


async def _keep(name: str, record: Callable[[], Awaitable[str]]) -> None:
    file = HISTORIES / f"{name}.json"
    if not file.exists():
        file.write_text(await record() + "\n")


if __name__ == "__main__":
    asyncio.run(main())
