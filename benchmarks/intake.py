"""Durable intake by every way in, against inserting what came and nothing else.

Brokers: their messages lie there before the clock starts, and each round both sides read the same
ones. HTTP: `intake_http`. `BENCH_SIZE=1000 make bench NAME=intake` tries it with fewer messages.
"""

import gc
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from tests.brokers.kafka import running_kafka
from tests.brokers.rabbitmq import rabbitmq_server

from activity_core.bootstrap.system import open_system
from activity_core.settings import Settings
from benchmarks import intake_bare, intake_http, intake_ours
from benchmarks.figure import Figure, in_turns
from benchmarks.intake_bare import Batch
from benchmarks.intake_kafka import Kafka
from benchmarks.intake_nats import Nats
from benchmarks.intake_orders import SOURCE, orders, register
from benchmarks.intake_rabbitmq import Rabbitmq
from benchmarks.stack import servers

MESSAGES = int(os.environ.get("BENCH_SIZE", "5000"))
GOAL = 0.5
_URL = "BENCH_RABBITMQ_URL"
_numbers = count()


class Broker(Protocol):
    """One broker: where `source` takes from, and a minimal consumer of the same messages.

    Attributes:
        name: as it is written.
        way: of the source, as YAML.
    """

    name: str
    way: str

    async def send(self, bodies: Sequence[bytes]) -> None:
        """Returns once all are stored."""
        ...

    def batches(self) -> AsyncIterator[Batch]:
        """As fast as the client gives them, of at most as many messages as ours."""
        ...


async def measure() -> Sequence[Figure]:
    """The three brokers, then HTTP."""
    async with servers() as settings:
        return [
            await _nats(settings),
            await _kafka(settings),
            await _rabbitmq(settings),
            await intake_http.figure(settings, events=4 * MESSAGES, goal=GOAL),
        ]


async def _nats(settings: Settings) -> Figure:
    async with Nats.broker(str(settings.nats_url)) as broker:
        return await _figure(settings, broker)


async def _kafka(settings: Settings) -> Figure:
    with TemporaryDirectory(prefix="activity-core-bench-") as directory:
        async with (
            running_kafka(Path(directory)) as server,
            Kafka.broker(server.address) as broker,
        ):
            there = settings.model_copy(update={"kafka_servers": server.address})
            return await _figure(there, broker)


async def _rabbitmq(settings: Settings) -> Figure:
    with TemporaryDirectory(prefix="activity-core-bench-") as directory:
        async with (
            rabbitmq_server(Path(directory)) as server,
            Rabbitmq.broker(server.url()) as broker,
        ):
            os.environ[_URL] = server.url()
            there = settings.model_copy(update={"rabbitmq_url": f"env:{_URL}"})
            return await _figure(there, broker)


async def _figure(settings: Settings, broker: Broker) -> Figure:
    async with AsyncExitStack() as stack:
        system = await stack.enter_async_context(open_system(settings))
        await register(system, broker.way)
        bare = await intake_bare.table(str(settings.database_url))
        link = await stack.enter_async_context(bare)

        async def reference() -> float:
            await broker.send(orders(f"{broker.name}-{next(_numbers)}", MESSAGES))
            return MESSAGES / await intake_bare.seconds(broker.batches(), link, MESSAGES)

        async def ours() -> float:
            return MESSAGES / await intake_ours.seconds(system, SOURCE, MESSAGES)

        gc.collect()
        gc.freeze()  # as every process of ours does, for both sides
        pairs = await in_turns(reference, ours)
    return Figure.of(
        f"intake from {broker.name}",
        pairs,
        reference_name="the same client, inserting the bytes",
        goal=GOAL,
        unit="messages/s",
    )
