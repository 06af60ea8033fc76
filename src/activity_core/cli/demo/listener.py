"""A plain NATS client: publishes an event as any system would, and reads what comes out."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

EVENTS_SUBJECT = "activity-core.>"


class Listener:
    """Every event of ours seen so far, in order of arrival."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.seen: list[dict[str, Any]] = []

    async def publish(self, subject: str, event: dict[str, Any]) -> None:
        """Send one structured CloudEvent to the inbound stream, confirmed."""
        headers = {"content-type": "application/cloudevents+json"}
        await self._client.jetstream().publish(subject, json.dumps(event).encode(), headers=headers)

    def of_run(self, run_id: str) -> list[dict[str, Any]]:
        """The events about a run and its tasks."""
        return [event for event in self.seen if event["data"].get("run_id") == run_id]

    async def keep(self, message: Msg) -> None:
        """Remember an event; the stream may deliver it twice, its id tells."""
        event = json.loads(message.data)
        if all(event["id"] != known["id"] for known in self.seen):
            self.seen.append(event)
        await message.ack()


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Listener]:
    """Subscribed to the outbound stream while inside."""
    client = await nats.connect(url, name="demo")
    try:
        listener = Listener(client)
        await client.jetstream().subscribe(EVENTS_SUBJECT, cb=listener.keep, manual_ack=True)
        yield listener
    finally:
        await asyncio.shield(client.close())
