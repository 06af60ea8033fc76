"""What carrying out a run costs: decided runs, from the start of their workflow to its end.

Both sides start workflows on one client with a worker in this process, as many at the same time,
and await their results. Ours are composed before the clock starts, one run each; what comes before
(`runs` measures the whole way) and after (the relay) takes no part.
"""

import os
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path

from temporalio.client import Client

from activity_core.adapters.temporal.engine import TemporalEngine
from activity_core.adapters.temporal.search_attributes import add_search_attributes
from activity_core.bootstrap.system import System, open_system
from activity_core.bootstrap.worker_steps import run_steps
from activity_core.core import ids
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.run.composition import compose
from activity_core.core.run.run import Execution, PendingRun
from activity_core.ports.run_queue import ManualRequest
from activity_core.settings import RUNS_QUEUE, Settings
from activity_core.workflows.worker import workers
from benchmarks.bare_activities import bare_activities, bare_activities_worker
from benchmarks.bare_workflow import bare_run, bare_worker, bounded
from benchmarks.figure import Figure, in_turns
from benchmarks.stack import apply, servers

AT_ONCE = 50
RUNS = int(os.environ.get("BENCH_SIZE", "400"))
"""Per round."""
FAN_OUT = int(os.environ.get("BENCH_FAN_OUT", "10000"))
PARALLEL = 50
DEFINITIONS = f"""
id: ask
trigger: {{manual: {{}}}}
rules:
  - id: ask
    tasks:
      - id: look
        human: {{title: "Look at ${{input.name}}", assign: {{group: people}}}}
---
id: work
trigger: {{manual: {{}}}}
rules:
  - id: work
    tasks:
      - id: nothing
        python: {{plugin: bench-nothing, args: {{name: "${{input.name}}"}}}}
---
id: fan-out
trigger: {{manual: {{}}}}
limits: {{tasks: {FAN_OUT}}}
rules:
  - id: all
    for_each: input.items
    as: item
    parallel: {PARALLEL}
    tasks:
      - id: nothing
        python: {{plugin: bench-nothing, args: {{item: "${{item}}"}}}}
"""
_numbers = count()


async def measure() -> Sequence[Figure]:
    """Runs of people's tasks, of one machine's task, and of ten thousand of them."""
    with _plug_in():
        async with servers() as settings, _at_work(settings) as (system, client):
            return [
                await _many(system, client, "ask", lambda: bare_run(client), 0.9),
                await _many(system, client, "work", lambda: bare_activities(client, 1, 1), 0.7),
                *await _fan_out(system, client),
            ]


async def _many(
    system: System,
    client: Client,
    definition: str,
    bare: Callable[[], Awaitable[None]],
    goal: float,
) -> Figure:
    async def reference() -> float:
        began = time.perf_counter()
        await bounded(RUNS, AT_ONCE, bare)
        return RUNS / (time.perf_counter() - began)

    async def ours() -> float:
        executions = iter(await _composed(system, definition, [{"name": "x"}] * RUNS))
        began = time.perf_counter()
        await bounded(RUNS, AT_ONCE, lambda: _carry_out(client, next(executions)))
        return RUNS / (time.perf_counter() - began)

    what = "human tasks only" if definition == "ask" else "one automated task"
    return Figure.of(
        f"execution, {what}",
        await in_turns(reference, ours),
        reference_name="bare workflow, eager start"
        + ("" if definition == "ask" else ", with one bare activity"),
        goal=goal,
        unit="1/s",
    )


async def _fan_out(system: System, client: Client) -> Sequence[Figure]:
    """Tasks a second, and the memory of this process after one such run and after all of them."""
    memory: list[float] = []

    async def reference() -> float:
        began = time.perf_counter()
        await bare_activities(client, FAN_OUT, PARALLEL)
        return FAN_OUT / (time.perf_counter() - began)

    async def ours() -> float:
        [execution] = await _composed(system, "fan-out", [{"items": list(range(FAN_OUT))}])
        began = time.perf_counter()
        await _carry_out(client, execution)
        memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return FAN_OUT / (time.perf_counter() - began)

    pairs = await in_turns(reference, ours, rounds=3)
    return [
        Figure.of(
            f"execution, fan-out of {FAN_OUT:,} tasks",
            pairs,
            reference_name="as many bare activities in windows",
            goal=0.8,
            unit="tasks/s",
        ),
        Figure.of(
            "execution, peak memory after four fan-outs",
            [(memory[0], memory[-1])],
            reference_name="after the first",
            goal=0.9,
            unit="MB",
            less_is_better=True,
        ),
    ]


async def _composed(
    system: System, definition: str, inputs: Sequence[dict[str, object]]
) -> list[Execution]:
    """Decided runs, each in a committed execution of its own that nobody started."""
    queue, now = system.stores.run_queue, system.clock.now()
    for data in inputs:
        key = ids.occurrence_of_request(f"bench-{next(_numbers)}")
        await queue.submit(ManualRequest(definition, 1, key, data, "bench"), now)  # type: ignore[arg-type]
    return await queue.compose(len(inputs), _alone, at=system.clock.now(), lease=timedelta(hours=1))


def _alone(pending: Sequence[PendingRun]) -> Sequence[Execution]:
    return compose(pending, may_share=lambda _: False, max_runs=1)


async def _carry_out(client: Client, execution: Execution) -> None:
    await TemporalEngine(client, RUNS_QUEUE, searchable=True).start(execution)
    await client.get_workflow_handle(execution.workflow_id).result()


@asynccontextmanager
async def _at_work(settings: Settings) -> AsyncIterator[tuple[System, Client]]:
    async with open_system(settings) as system:
        await apply(system, parse_definitions(DEFINITIONS, file="bench.yaml"))
        client = await system.temporal_when_there()
        await add_search_attributes(client)
        async with (
            bare_worker(client),
            bare_activities_worker(client),
            workers(client, run_steps(system), RUNS_QUEUE),
        ):
            yield system, client


def _plug_in() -> "tempfile.TemporaryDirectory[str]":
    """A plug-in that does nothing, installed as a wheel would be."""
    directory = tempfile.TemporaryDirectory(prefix="activity-core-bench-")
    found = Path(directory.name) / "bench_nothing-1.0.dist-info"
    found.mkdir()
    (Path(directory.name) / "bench_nothing.py").write_text(
        "async def nothing(args):\n    return args\n"
    )
    (found / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-nothing\nVersion: 1.0\n")
    (found / "entry_points.txt").write_text(
        "[activity_core.tasks]\nbench-nothing = bench_nothing:nothing\n"
    )
    sys.path.insert(0, directory.name)
    return directory
