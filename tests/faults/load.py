"""A stream of events while something else happens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.api import cloudevent
from tests.faults.installation import Installation

SENDERS = 4


class Load:
    """Numbered events from several senders at once; `half` is set when half of them are in."""

    def __init__(self, running: Installation, name: str, count: int, pause: float) -> None:
        self._running = running
        self._name = name
        self._count = count
        self._pause = pause
        self._numbers = iter(range(1, count + 1))
        self._sent = 0
        self.some = asyncio.Event()
        self.half = asyncio.Event()

    async def send(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(SENDERS):
                group.create_task(self._sender())

    async def _sender(self) -> None:
        for number in self._numbers:
            id_ = f"{self._name}-{number}"
            await self._running.send(cloudevent(f"load.{self._name}", id_, {"n": number}))
            self._sent += 1
            if self._sent >= self._count // 6:
                self.some.set()
            if self._sent >= self._count // 2:
                self.half.set()
            await asyncio.sleep(self._pause)


@asynccontextmanager
async def under_load(
    running: Installation, name: str, count: int = 300, pause: float = 0.02
) -> AsyncIterator[Load]:
    """Events keep coming while inside; all of them are accepted when it is left."""
    load = Load(running, name, count, pause)
    sending = asyncio.create_task(load.send())
    try:
        yield load
        await asyncio.wait_for(sending, 120)
    finally:
        sending.cancel()
