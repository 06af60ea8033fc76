"""TaskCreated events as a plain NATS subscriber sees them arrive."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
from nats.aio.msg import Msg

from activity_core.settings import Settings

TASK_CREATED = "activity-core.task.created.v1"


class Arrivals:
    """Who waits for the task of which order."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[None]] = {}

    def expect(self, order_id: str) -> asyncio.Future[None]:
        """Done when the task of an order was announced."""
        announced: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[order_id] = announced
        return announced

    async def note(self, message: Msg) -> None:
        """One message; the same may come twice."""
        order_id = json.loads(message.data)["data"]["title"].removeprefix("Check order ")
        if announced := self._waiting.pop(order_id, None):
            announced.set_result(None)


@asynccontextmanager
async def arrivals(settings: Settings) -> AsyncIterator[Arrivals]:
    """Subscribed while inside."""
    found = Arrivals()
    client = await nats.connect(str(settings.nats_url))
    try:
        await client.subscribe(TASK_CREATED, cb=found.note)
        yield found
    finally:
        await client.close()
