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

from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker
from tests.scripted_steps import (
    DONE,
    ScriptedSettler,
    ScriptedSteps,
    auto,
    fatal,
    gather,
    human,
    perform,
)
from tests.temporal_server import temporal_client

from activity_core.workflows.messages import RunRequest
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
    return {
        "fused": ScriptedSteps([DONE]),
        "fused_after_an_outage": ScriptedSteps([*[away] * 6, DONE]),
        "gathered": ScriptedSteps([gather("x", "y"), DONE], errors={"x": [fatal("unavailable")]}),
        "not_gathered": ScriptedSteps([gather("x", "y")], errors={"x": [refused, refused]}),
        "gathered_and_performed": ScriptedSteps([gather("x"), perform(auto("a"))]),
        "graph": ScriptedSteps(
            [perform(*graph)], errors={"bad": [fatal()]}, final={"ask": "completed"}
        ),
    }


def ticks() -> Mapping[str, ScriptedSettler]:
    """One script per way that a tick can take."""
    away = ApplicationError("away", type="unavailable")
    return {
        "tick": ScriptedSettler(),
        "tick_after_an_outage": ScriptedSettler(errors=[away] * 6),
    }


async def record_run(client: Client, name: str, steps: ScriptedSteps) -> str:
    """Play one script of a run; returns the history as JSON."""
    async with _worker(client, name, steps.all):
        handle = await client.start_workflow(
            RunActivity.run, RunRequest(execution_id="exec-1"), **_how(name)
        )
        await handle.signal(RunActivity.tasks_changed)
        return await _history(handle)


async def record_tick(client: Client, name: str, settler: ScriptedSettler) -> str:
    """Play one script of a tick; returns the history as JSON."""
    async with _worker(client, name, [settler.settle_slots]):
        return await _history(await client.start_workflow(SlotTick.run, **_how(name)))


def _worker(client: Client, name: str, activities: Sequence[Callable[..., Any]]) -> Worker:
    return Worker(
        client,
        task_queue=name,
        workflows=[RunActivity, SlotTick],
        activities=activities,
        identity="recorder",  # it gets into names of queues
    )


def _how(name: str) -> dict[str, Any]:
    return {"id": name, "task_queue": name, "task_timeout": timedelta(seconds=4)}


async def _history(handle: WorkflowHandle[Any, Any]) -> str:
    await handle.result()
    return json.dumps(_anonymous((await handle.fetch_history()).to_json_dict()), indent=1)


def _anonymous(value: Any) -> Any:
    """Without what tells about the machine it was recorded on."""
    if isinstance(value, dict):
        return {key: _anonymous(item) for key, item in value.items() if key not in PRIVATE}
    return [_anonymous(item) for item in value] if isinstance(value, list) else value


async def main() -> None:
    """Record what is not recorded yet."""
    HISTORIES.mkdir(exist_ok=True)
    async with temporal_client() as client:
        for name, steps in scenes().items():
            await _keep(name, partial(record_run, client, name, steps))
        for name, settler in ticks().items():
            await _keep(name, partial(record_tick, client, name, settler))


async def _keep(name: str, record: Callable[[], Awaitable[str]]) -> None:
    file = HISTORIES / f"{name}.json"
    if not file.exists():
        file.write_text(await record() + "\n")


if __name__ == "__main__":
    asyncio.run(main())
