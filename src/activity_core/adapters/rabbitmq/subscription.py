"""One subscription to a queue: what arrives, and what is handed back. Used by `consumer`.

A window of messages is ours at a time (the prefetch): some being settled, some next, some held
for a later try. RabbitMQ cannot delay what it gets back, so a message waits here, unsettled, and
goes back when its time has come. Others pass it, until all of the window waits; then nothing new
comes for that long. The server takes everything back when the channel closes, however it does.

What is acked in one go is told in one go: a word for each would cost more than the message.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Self

import structlog
from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.commands import Basic

from activity_core.adapters.rabbitmq.connection import (
    ANSWER_WITHIN,
    RabbitmqConnection,
    left,
    unavailable,
    unavailable_if_failing,
)
from activity_core.adapters.rabbitmq.message import is_uncounted, tag_of
from activity_core.core.errors import UnavailableError

log = structlog.get_logger(__name__)

LONGEST_HOLD = timedelta(minutes=10)
"""A server ends the channel of a message that is unsettled for 30 minutes."""
GAP = 0.001
MOST_GAPS = 20
"""Seconds that a batch waits for the next, and how often: a burst comes message by message."""


class Subscription:
    """Messages of `queue`, unsettled ones at most `window`."""

    def __init__(self, channel: AbstractChannel, queue: str) -> None:
        self._channel = channel
        self._queue = queue
        self._arrived: asyncio.Queue[DeliveredMessage | None] = asyncio.Queue()
        self._held: set[asyncio.Task[None]] = set()
        # By their tags, which rise. Those that are acked are not open, and not told yet.
        self._open: dict[int, None] = {}
        self._acked: list[int] = []
        self._telling: asyncio.Task[None] | None = None
        self._counts = True

    @classmethod
    async def begin(cls, connection: RabbitmqConnection, queue: str, *, window: int) -> Self:
        """Subscribe; raises UnavailableError."""
        channel = await connection.channel()
        subscription = cls(channel, queue)
        try:
            with unavailable_if_failing():
                async with asyncio.timeout(ANSWER_WITHIN):
                    await subscription._consume(window)
        except BaseException:
            await subscription.end()
            raise
        return subscription

    async def _consume(self, window: int) -> None:
        self._channel.closing.add_done_callback(lambda _: self._arrived.put_nowait(None))
        self._channel.on_consumer_cancel_callbacks.add(self._cancelled)
        await self._channel.basic_qos(prefetch_count=window)
        await self._channel.basic_consume(self._queue, self._arrive)

    async def batch(self, most: int) -> list[DeliveredMessage]:
        """What is there, at least one; raises UnavailableError once the server ends it."""
        messages = [await self._arrived.get()]
        for _ in range(MOST_GAPS):
            while len(messages) < most and not self._arrived.empty():
                messages.append(self._arrived.get_nowait())
            if len(messages) == most or None in messages:
                break
            await asyncio.sleep(GAP)
            if self._arrived.empty():
                break
        found = [message for message in messages if message is not None]
        if len(found) < len(messages):
            raise self._over()
        return found

    async def ack(self, tag: int) -> None:
        """Written at once, not answered: if it gets lost, the message comes again."""
        if self._channel.is_closed:
            raise self._over()
        self._open.pop(tag, None)
        self._acked.append(tag)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.ensure_future(self._tell())

    async def _tell(self) -> None:
        """Up to the first open one with one word for all, the others one by one."""
        with suppress(UnavailableError), unavailable_if_failing():
            while self._acked:
                first_open = next(iter(self._open), None)
                acked, self._acked = self._acked, []
                settled = [tag for tag in acked if first_open is None or tag < first_open]
                async with asyncio.timeout(ANSWER_WITHIN):
                    if settled:
                        await self._channel.basic_ack(max(settled), multiple=True, wait=False)
                    for tag in sorted(set(acked).difference(settled)):
                        await self._channel.basic_ack(tag, wait=False)

    def hold(self, tag: int, delay: timedelta) -> None:
        """Hand it back after the delay; at once when the subscription ends."""
        if self._channel.is_closed:
            return
        task = asyncio.ensure_future(self._hand_back(tag, min(delay, LONGEST_HOLD)))
        self._held.add(task)
        task.add_done_callback(self._held.discard)

    async def end(self) -> None:
        """Whatever is unsettled goes back."""
        for task in list(self._held):
            task.cancel()
        await self._tell()
        await left(self._channel)

    async def _hand_back(self, tag: int, delay: timedelta) -> None:
        await asyncio.sleep(delay.total_seconds())
        with suppress(UnavailableError), unavailable_if_failing():
            async with asyncio.timeout(ANSWER_WITHIN):
                await self._channel.basic_reject(tag, requeue=True, wait=False)
                self._open.pop(tag, None)  # only now: no word for all may come before

    async def _arrive(self, message: DeliveredMessage) -> None:
        if self._counts and is_uncounted(message):
            self._counts = False
            log.warning(
                "rabbitmq_queue_counts_nothing",
                queue=self._queue,
                hint="a classic queue; what always fails comes for ever: make it a quorum queue",
            )
        self._open[tag_of(message)] = None
        self._arrived.put_nowait(message)

    def _cancelled(self, _: Basic.Cancel) -> None:
        self._arrived.put_nowait(None)

    def _over(self) -> UnavailableError:
        """The channel closed, or the queue is gone (then only the consumer is)."""
        closing = self._channel.closing
        if not closing.done():
            return UnavailableError(
                f"RabbitMQ: queue {self._queue} is gone", hint="it is looked for again"
            )
        return unavailable(None if closing.cancelled() else closing.exception())
