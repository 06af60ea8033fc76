"""Wake-ups within one process."""

import asyncio
from collections import Counter, defaultdict

from activity_core.ports.doorbell import Topic


class MemoryDoorbell:
    """`ports.doorbell` for one event loop. `rings` counts what was rung, for tests."""

    def __init__(self) -> None:
        self.rings: Counter[Topic] = Counter()
        self._rung: defaultdict[Topic, asyncio.Event] = defaultdict(asyncio.Event)

    def ring(self, topic: Topic) -> None:
        """Wake whoever waits for the topic, or the next one who will."""
        self.rings[topic] += 1
        self._rung[topic].set()

    async def wait(self, topic: Topic, timeout: float) -> None:  # noqa: ASYNC109 - as in the port
        """Return at the next ring (or one since the last wait), or after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._rung[topic].wait()
        except TimeoutError:
            return
        self._rung[topic].clear()
