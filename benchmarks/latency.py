"""Latency at low load: event in by HTTP until its TaskCreated is at a plain NATS subscriber.

`activity-core all` runs as one process, as `dev` does. The reference is the quickest that a
workflow can be: started and answered in one process, eagerly, on the same server. Ten a second,
each after the one before.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from statistics import quantiles

import httpx
from temporalio.client import Client

from activity_core.bootstrap.system import open_system
from activity_core.settings import Settings
from benchmarks.arrivals import Arrivals, arrivals
from benchmarks.bare_workflow import bare_run, bare_worker
from benchmarks.figure import ROUNDS, Figure
from benchmarks.stack import apply_definition, order, program, servers

SAMPLES = 50
"""Per round."""
APART = 0.1
"""Seconds from one start to the next."""

_numbers = count()


async def measure() -> Sequence[Figure]:
    """p50 and p99."""
    async with servers() as settings:
        await _prepare(settings)
        client = await Client.connect(str(settings.temporal_address))
        async with (
            program(settings, "all") as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
            arrivals(settings) as arrived,
            bare_worker(client),
        ):
            rounds = [
                (
                    await _samples(lambda: bare_run(client)),
                    await _samples(lambda: _task_of_event(http, arrived)),
                )
                for _ in range(ROUNDS + 1)
            ][1:]
    return [_figure(f"latency, p{percent}", percent, rounds) for percent in (50, 99)]


def _figure(
    name: str, percent: int, rounds: Sequence[tuple[Sequence[float], Sequence[float]]]
) -> Figure:
    def at(samples: Sequence[float]) -> float:
        return 1_000 * quantiles(samples, n=100)[percent - 1]

    return Figure.of(
        name,
        [(at(reference), at(ours)) for reference, ours in rounds],
        reference_name="bare no-op Temporal workflow, eager start, start to result",
        goal=0.5,
        unit="ms",
        less_is_better=True,
    )


async def _prepare(settings: Settings) -> None:
    async with open_system(settings) as system:
        await apply_definition(system)


async def _samples(work: Callable[[], Awaitable[None]]) -> list[float]:
    """Seconds that each took."""
    taken = []
    for _ in range(SAMPLES):
        began = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - began)
        await asyncio.sleep(max(0.0, APART - taken[-1]))
    return taken


async def _task_of_event(http: httpx.AsyncClient, arrived: Arrivals) -> None:
    order_id = f"l-{next(_numbers)}"
    announced = arrived.expect(order_id)
    body = order(order_id).to_bytes()
    kind = {"content-type": "application/cloudevents+json"}
    (await http.post("/v1/events", content=body, headers=kind)).raise_for_status()
    await announced
