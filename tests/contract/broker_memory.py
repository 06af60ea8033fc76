"""The in-memory broker as a bench; `address` is not used."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from tests.contract.broker_bench import Bench, Published

from activity_core.adapters.memory.broker import MemoryBroker
from activity_core.adapters.memory.clock import ManualClock
from activity_core.core.errors import UnavailableError
from activity_core.ports.broker import Consumer


@asynccontextmanager
async def bench(address: str) -> AsyncIterator[Bench]:
    del address
    clock = ManualClock()
    broker, away = MemoryBroker(clock), MemoryBroker(clock)
    away.interrupt(UnavailableError("away"))
    away.failures.before(UnavailableError("away"))

    async def successor() -> Consumer:
        broker.redeliver()
        return broker

    async def send(body: bytes, headers: dict[str, str]) -> None:
        broker.send(body, headers=headers)

    async def pass_time(duration: timedelta) -> None:
        clock.advance(duration)

    async def published() -> Sequence[Published]:
        return [
            Published(event.event_id, event.event_type, event.body, event.key)
            for event in broker.events
        ]

    yield Bench(
        consumer=broker,
        publisher=broker,
        successor=successor,
        unreachable=(away, away),
        send=send,
        pass_time=pass_time,
        published=published,
        dedupes=True,
    )
