"""Throughput of runs: event → decision → run → recorded human task → TaskCreated on NATS.

All agents run in this process, as `activity-core all` does; events come in through the ingest
service, so that the HTTP server is not what is measured. A fixed number of events is under way at
a time: the next is ingested when a TaskCreated arrives at a plain NATS subscriber. The clock
runs from before the first event until the outbox is empty, so every publish is confirmed by then.
"""

import asyncio
import time
from collections.abc import Sequence
from itertools import count

from activity_core.bootstrap.agents import AGENTS
from activity_core.bootstrap.system import System, open_system
from activity_core.cli.serve import running
from activity_core.settings import Settings
from benchmarks.arrivals import Arrivals, arrivals
from benchmarks.bare_workflow import bare_run, bare_worker, bounded
from benchmarks.figure import Figure, in_turns
from benchmarks.stack import apply_definition, order, servers

AT_ONCE = 50
BARE, SINGLE, SHARED = 300, 300, 2_000
"""Workflows or runs per round."""

_numbers = count()


async def measure() -> Sequence[Figure]:
    """Both figures: each run a workflow of its own, and shared as configured by default."""
    async with servers() as settings:
        alone = settings.model_copy(update={"max_runs_per_execution": 1})
        return [
            await _throughput("runs, one workflow each", alone, SINGLE),
            await _throughput("runs, shared workflows (default)", settings, SHARED),
        ]


async def _throughput(name: str, settings: Settings, runs: int) -> Figure:
    async with (
        open_system(settings) as system,
        running(system, list(AGENTS), with_api=False),
        arrivals(settings) as arrived,
    ):
        await apply_definition(system)
        client = await system.temporal_when_there()
        async with bare_worker(client):

            async def reference() -> float:
                began = time.perf_counter()
                await bounded(BARE, AT_ONCE, lambda: bare_run(client))
                return BARE / (time.perf_counter() - began)

            async def ours() -> float:
                began = time.perf_counter()
                await bounded(runs, AT_ONCE, lambda: one_run(system, arrived))
                while await system.stores.outbox.depth():  # noqa: ASYNC110 - nobody rings for it
                    await asyncio.sleep(0.005)
                return runs / (time.perf_counter() - began)

            pairs = await in_turns(reference, ours)
    return Figure.of(
        name,
        pairs,
        reference_name="bare no-op Temporal workflow, eager start",
        goal=0.9,
        unit="1/s",
    )


async def one_run(system: System, arrived: Arrivals) -> None:
    """One event, until its task is announced."""
    order_id = f"o-{next(_numbers)}"
    announced = arrived.expect(order_id)
    await system.ingest.accept([order(order_id)], "bench")
    await announced
