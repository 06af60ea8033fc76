"""NATS for the benchmark of intake: one stream, read by two durable consumers."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import nats
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig

from activity_core.services.intake import BATCH
from benchmarks.intake_bare import Batch
from benchmarks.intake_orders import HEADERS

STREAM = "BENCH"
_UNDER_WAY = 1_000


class Nats:
    """See `intake.Broker`; made by `broker`."""

    name = "NATS"
    way = f"nats: {{stream: {STREAM}}}"

    def __init__(self, stream: JetStreamContext) -> None:
        self._stream = stream

    @classmethod
    @asynccontextmanager
    async def broker(cls, url: str) -> AsyncIterator["Nats"]:
        """On a running server, with what the source takes from, and nothing in it."""
        client = await nats.connect(url)
        try:
            stream = client.jetstream(publish_async_max_pending=_UNDER_WAY)
            await stream.add_stream(name=STREAM, subjects=["bench.>"])
            bare = ConsumerConfig(durable_name="bare", ack_policy=AckPolicy.EXPLICIT, ack_wait=30)
            await stream.add_consumer(STREAM, bare)
            yield cls(stream)
        finally:
            await client.close()

    async def send(self, bodies: Sequence[bytes]) -> None:
        """See `intake.Broker`."""
        for body in bodies:
            await self._stream.publish_async("bench.orders", body, headers=dict(HEADERS))
        await self._stream.publish_async_completed()

    async def batches(self) -> AsyncIterator[Batch]:
        """See `intake.Broker`."""
        pull = await self._stream.pull_subscribe_bind(durable="bare", stream=STREAM)
        try:
            while True:
                messages = await pull.fetch(BATCH, timeout=5)

                yield [message.data for message in messages], partial(_acknowledge, messages)
        finally:
            await pull.unsubscribe()


async def _acknowledge(messages: Sequence[Msg]) -> None:
    for message in messages:
        await message.ack()
