"""Runs that share workflows, against runs that do not, against others who do the same work.

Saturated: events are handed in as quickly as they are taken. The clock stops when every TaskCreated
has arrived at a plain NATS subscriber and the outbox is empty. At low load: an event every 0.2 s,
each until its TaskCreated is there. All agents run in this process, as in `activity-core all`; a
side is opened anew for each round, and warmed up, so both meet the same.
`BENCH_SIZE=400 make bench NAME=coalescing` tries it with fewer events.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from statistics import quantiles

from activity_core.bootstrap.agents import AGENTS
from activity_core.bootstrap.system import System, open_system
from activity_core.cli.serve import running
from activity_core.settings import Settings
from benchmarks.arrivals import Arrivals, arrivals
from benchmarks.figure import Figure, Measure, in_turns
from benchmarks.rival import RIVALS, counted, rate_of, redis, rival
from benchmarks.stack import apply_definition, order, servers

SHARED = int(os.environ.get("BENCH_SIZE", "4000"))
"""Runs per saturated round; of what is slower, fewer."""
ALONE, RIVAL_ORDERS = SHARED // 10, SHARED // 3
HANDED_IN = 200
"""Events per transaction of the inbox."""
WARM_UP = 50
SAMPLES = SHARED // 40
APART = 0.2
"""Seconds from one start to the next at low load."""
LATENCY_ROUNDS = 3

_numbers = count()


async def measure() -> Sequence[Figure]:
    """Throughput on and off, beside three rivals, and latency at low load."""
    async with servers() as on:
        off = on.model_copy(update={"max_runs_per_execution": 1})
        async with open_system(on) as system:
            await apply_definition(system)
        return [
            await _throughput(on, off),
            *await _beside_rivals(on),
            *await _latency(on, off),
        ]


async def _throughput(on: Settings, off: Settings) -> Figure:
    pairs = await in_turns(saturated(off, ALONE), saturated(on, SHARED))
    return Figure.of(
        "coalescing, saturated",
        pairs,
        reference_name="the same with a workflow for each run",
        goal=8,
        unit="events/s",
    )


async def _beside_rivals(settings: Settings) -> Sequence[Figure]:
    """Each round: ours between two rivals, so that what else the machine does meets all."""
    ours = saturated(settings, SHARED)
    figures = []
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(redis())
        arrived = await stack.enter_async_context(counted(settings))
        for name in RIVALS:
            async with rival(name, settings, address) as line:
                pairs = await in_turns(rate_of(line, arrived, RIVAL_ORDERS), ours)
            figures.append(
                Figure.of(
                    f"coalescing, beside {name}",
                    pairs,
                    reference_name=f"{name}: one row and one published event per order",
                    goal=1,
                    unit="events/s",
                )
            )
    return figures


async def _latency(on: Settings, off: Settings) -> Sequence[Figure]:
    rounds = [(await _samples(off), await _samples(on)) for _ in range(LATENCY_ROUNDS)]

    def at(percent: int, samples: Sequence[float]) -> float:
        return 1_000 * quantiles(samples, n=100)[percent - 1]

    return [
        Figure.of(
            f"coalescing, 5 events a second, p{percent}",
            [(at(percent, alone), at(percent, shared)) for alone, shared in rounds],
            reference_name="the same with a workflow for each run",
            goal=0.95,
            unit="ms",
            less_is_better=True,
        )
        for percent in (50, 99)
    ]


def saturated(settings: Settings, runs: int) -> Measure:
    """Events a second, from the first that is handed in until all is published."""

    async def rate() -> float:
        async with at_work(settings) as (system, arrived):
            began = time.perf_counter()
            await _burst(system, arrived, runs)
            return runs / (time.perf_counter() - began)

    return rate


@asynccontextmanager
async def at_work(settings: Settings) -> AsyncIterator[tuple[System, Arrivals]]:
    """All agents, warm, while inside."""
    async with (
        open_system(settings) as system,
        running(system, list(AGENTS), with_api=False),
        arrivals(settings) as arrived,
    ):
        await _burst(system, arrived, WARM_UP)
        yield system, arrived


async def _burst(system: System, arrived: Arrivals, runs: int) -> None:
    names = [f"c-{next(_numbers)}" for _ in range(runs)]
    announced = [arrived.expect(name) for name in names]
    for start in range(0, runs, HANDED_IN):
        events = [order(name) for name in names[start : start + HANDED_IN]]
        await system.ingest.accept(events, "bench")
    await asyncio.gather(*announced)
    while await system.stores.outbox.depth():  # noqa: ASYNC110 - nobody rings for it
        await asyncio.sleep(0.005)


async def _samples(settings: Settings) -> list[float]:
    """Seconds from an event to its TaskCreated."""
    taken = []
    async with at_work(settings) as (system, arrived):
        for _ in range(SAMPLES):
            began = time.perf_counter()
            await _burst_of_one(system, arrived)
            taken.append(time.perf_counter() - began)
            await asyncio.sleep(max(0.0, APART - taken[-1]))
    return taken


async def _burst_of_one(system: System, arrived: Arrivals) -> None:
    name = f"c-{next(_numbers)}"
    announced = arrived.expect(name)
    await system.ingest.accept([order(name)], "bench")
    await announced
