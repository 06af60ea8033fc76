"""One run for a hundred events, against a run with a workflow of its own for each event.

Both sides as in `coalescing`, saturated. The title of a batch's task says how many events it is
for; the clock stops when these add up to all of them.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count

import nats
from nats.aio.msg import Msg

from activity_core.bootstrap.system import System, open_system
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.settings import Settings
from benchmarks.arrivals import TASK_CREATED
from benchmarks.coalescing import at_work, saturated
from benchmarks.figure import Figure, Measure, in_turns
from benchmarks.stack import apply, apply_definition, order, servers

EVENTS = int(os.environ.get("BENCH_SIZE", "10000"))
"""Per round; of runs alone, a fortieth."""
SIZE = 100
HANDED_IN = 200
EVENT_TYPE = "shop.orders.batched"
DEFINITION = f"""
id: check-orders
title: Check orders together
owner: shop
trigger:
  event:
    type: {EVENT_TYPE}
    filter: event.data.amount > 100
    batch: {{max_size: {SIZE}, max_wait: 2s}}
rules:
  - id: expensive
    when: events.exists(e, e.data.amount > 1000)
    tasks:
      - id: check
        human: {{title: "${{size(events)}} orders to check", assign: {{group: fraud}}}}
"""

_numbers = count()


async def measure() -> Sequence[Figure]:
    """Events a second of both."""
    async with servers() as settings:
        alone = settings.model_copy(update={"max_runs_per_execution": 1})
        async with open_system(settings) as system:
            await apply_definition(system)
            await apply(system, parse_definitions(DEFINITION, file="bench.yaml"))
        pairs = await in_turns(saturated(alone, EVENTS // 40), _batched(settings, EVENTS))
    return [
        Figure.of(
            f"batches of {SIZE}",
            pairs,
            reference_name="a run with a workflow of its own for each event",
            goal=10,
            unit="events/s",
        )
    ]


def _batched(settings: Settings, events: int) -> Measure:
    async def rate() -> float:
        async with at_work(settings) as (system, _), _told(settings) as counts:
            await _hand_in(system, counts, SIZE)
            began = time.perf_counter()
            await _hand_in(system, counts, events)
            return events / (time.perf_counter() - began)

    return rate


async def _hand_in(system: System, counts: "asyncio.Queue[int]", events: int) -> None:
    """As many events, until the tasks are for as many."""
    names = [f"b-{next(_numbers)}" for _ in range(events)]
    for start in range(0, events, HANDED_IN):
        orders = [
            replace(order(name), type=EVENT_TYPE) for name in names[start : start + HANDED_IN]
        ]
        await system.ingest.accept(orders, "bench")
    missing = events
    while missing:
        missing -= await counts.get()


@asynccontextmanager
async def _told(settings: Settings) -> AsyncIterator["asyncio.Queue[int]"]:
    """For how many events each task is, as they are announced."""
    counts: asyncio.Queue[int] = asyncio.Queue()
    client = await nats.connect(str(settings.nats_url))

    async def note(message: Msg) -> None:
        first = json.loads(message.data)["data"]["title"].split()[0]
        if first.isdigit():
            counts.put_nowait(int(first))

    try:
        await client.subscribe(TASK_CREATED, cb=note)
        yield counts
    finally:
        await client.close()
