"""Our side of intake: the real `Intake` over the real adapter, gate and stores, in this process."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Any, cast

from activity_core.adapters.postgres.pool import connection
from activity_core.bootstrap.system import System
from activity_core.ports.broker import Consumer, Delivery
from activity_core.services.burial import Burial
from activity_core.services.intake import Intake
from activity_core.services.refusal_log import RefusalLog

_COUNTS = (
    "select (select count(*) from events) as events, (select count(*) from dead_letters) as dead"
)


class Timed:
    """A consumer that ends once so many messages are acknowledged, and knows how long it took."""

    def __init__(self, consumer: Consumer, count: int) -> None:
        self._consumer = consumer
        self._left = count
        self._began = self._ended = 0.0
        self._settled = asyncio.Event()

    @property
    def seconds(self) -> float:
        """From the first batch to the last acknowledgement."""
        return self._ended - self._began

    async def deliveries(self, batch: int) -> AsyncIterator[Sequence[Delivery]]:
        """See `ports.broker.Consumer`."""
        async with aclosing(self._consumer.deliveries(batch)) as each:  # type: ignore[type-var]
            async for deliveries in each:
                self._began = self._began or time.perf_counter()
                self._left -= len(deliveries)
                if self._left > 0:
                    yield deliveries
                    continue
                last = cast("Delivery", _Last(deliveries[-1], self._end))
                yield [*deliveries[:-1], last]
                await self._settled.wait()
                return

    def _end(self) -> None:
        self._ended = time.perf_counter()
        self._settled.set()


class _Last:
    """The last delivery: acknowledged after all others."""

    def __init__(self, delivery: Delivery, acknowledged: Callable[[], None]) -> None:
        self._delivery = delivery
        self._acknowledged = acknowledged

    def __getattr__(self, name: str) -> Any:
        return getattr(self._delivery, name)

    async def ack(self) -> None:
        """See `ports.broker.Delivery`."""
        await self._delivery.ack()
        self._acknowledged()


async def seconds(system: System, source_id: str, count: int) -> float:
    """Take so many messages of a source in; each is a row of the inbox then, or it fails."""
    source = (await system.gate.entrances()).sources[source_id].part
    consumer = Timed(system.brokers.consumer(source), count)
    refusals = RefusalLog(system.stores.refusals, system.clock)
    intake = Intake(
        consumer,
        system.message_reader(),
        system.gate,
        system.ingest,
        Burial(system.stores.dead_letters, refusals, system.clock),
        clock=system.clock,
        protocol=source.way,
        source=source,
        horizon=system.settings.horizon,
    )
    before = await _stored(system)
    await intake.step()
    assert await _stored(system) == before + count
    return consumer.seconds


async def _stored(system: System) -> int:
    async with connection(system.pool) as link:
        row = await (await link.execute(_COUNTS)).fetchone()
    assert row is not None
    assert row["dead"] == 0
    return int(row["events"])
