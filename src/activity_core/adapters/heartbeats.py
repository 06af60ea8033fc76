"""Heartbeats of attempts that only wait for somebody else: a request, a statement.

Said for them, so that a worker that died is noticed early; and only by the answer to a heartbeat
does a worker learn that nobody wants the result any more.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from activity_core.ports.task_performer import Attempt

PERIOD = 1.0
"""Seconds. Most attempts are over before the first one, and cost nothing."""


@asynccontextmanager
async def beating(attempt: Attempt) -> AsyncIterator[None]:
    """Tells again and again, while inside, that the attempt still works."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(PERIOD)
            attempt.heartbeat()

    beats = asyncio.create_task(beat())
    try:
        yield
    finally:
        beats.cancel()
