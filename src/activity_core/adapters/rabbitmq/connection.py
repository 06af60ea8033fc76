"""One link to RabbitMQ, made when first needed and again whenever it is gone.

Publishers and consumers open channels on it (`channel`, `declare`). Give them one link each: a
server short of memory stops reading from whoever publishes, and acks would wait there too.

The link is plain: a robust one would come back by itself, silently and with the deliveries of
before, which nobody could ack any more. Here an outage ends every use with UnavailableError. It is
made by aiormq, the protocol layer of aio-pika, whose own messages refuse what senders may write.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import aiormq
import structlog
from aiormq.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import (
    AMQPError,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    DeliveryError,
)

from activity_core.adapters.rabbitmq.settings import RabbitmqSettings, address, tls
from activity_core.adapters.rabbitmq.wire import MendingTransport
from activity_core.core.errors import UnavailableError

log = structlog.get_logger(__name__)
# It writes whole tracebacks about outages, all of which it raises too.
logging.getLogger("aiormq").setLevel(logging.CRITICAL)

CONNECT_WITHIN = 5.0
"""Seconds for a connection: whoever waits for it may hold rows locked."""
ANSWER_WITHIN = 5.0
"""Seconds for anything that we ask of the server."""
PAUSE = 0.5
"""Seconds after a failed connection in which nobody tries another."""

Ask = Callable[[AbstractChannel], Awaitable[Any]]


class RabbitmqConnection:
    """Connects on demand.

    Raises:
        ConfigurationError: the settings make no sense, or a file of theirs cannot be read.
    """

    def __init__(self, settings: RabbitmqSettings) -> None:
        self._url = address(settings)
        self._tls = tls(settings) if self._url.scheme == "amqps" else None
        self._link: AbstractConnection | None = None
        self._lock = asyncio.Lock()
        self._not_before = 0.0

    async def channel(self, *, confirms: bool = False) -> AbstractChannel:
        """A new channel, to be closed with `left`; with `confirms`, the server confirms publishes.

        Raises:
            UnavailableError: RabbitMQ cannot be reached, or does not let us in.
        """
        async with self._lock:
            if self._link is None or self._link.is_closed:
                self._link = await self._connect_again()
            link = self._link
        with unavailable_if_failing():
            async with asyncio.timeout(ANSWER_WITHIN):
                return await link.channel(publisher_confirms=confirms)

    async def declare(self, look: Ask, make: Ask) -> None:
        """`make` what `look` (a passive declaration) says is missing.

        Looking needs no permission, so that users may do without any to configure.

        Raises:
            UnavailableError: it is not there and may not be made, or RabbitMQ is away.
        """
        try:
            await self._ask(look)
        except ChannelNotFoundEntity:  # which closes the channel
            with unavailable_if_failing():
                await self._ask(make)

    async def check(self) -> None:
        """Raise UnavailableError unless the server answers now."""
        await left(await self.channel())

    async def forget(self) -> None:
        """Drop the link: the next use connects anew."""
        async with self._lock:
            link, self._link = self._link, None
        if link is not None:
            # Whoever waits for an answer gets this error (by default it would be a cancellation).
            await _closed(link.close(aiormq.ConnectionClosed(0, "closed by us")))

    async def _ask(self, ask: Ask) -> None:
        channel = await self.channel()
        try:
            with unavailable_if_failing(but=ChannelNotFoundEntity):
                async with asyncio.timeout(ANSWER_WITHIN):
                    await ask(channel)
        finally:
            await left(channel)

    async def _connect_again(self) -> AbstractConnection:
        """Those who waited for an attempt that failed do not each make another."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._not_before:
            raise UnavailableError("RabbitMQ: could not be reached a moment ago")
        try:
            with unavailable_if_failing():
                async with asyncio.timeout(CONNECT_WITHIN):
                    return await aiormq.connect(
                        self._url, context=self._tls, transport_factory=MendingTransport()
                    )
        except UnavailableError:
            self._not_before = loop.time() + PAUSE
            raise


@contextmanager
def unavailable_if_failing(*, but: type[Exception] | tuple[()] = ()) -> Iterator[None]:
    """Whatever the library raises, as one error of ours, except for `but`."""
    try:
        yield
    except but:
        raise
    except (AMQPError, ChannelInvalidStateError, OSError, EOFError, TimeoutError) as error:
        raise unavailable(error) from error
    except asyncio.CancelledError as error:
        # The library cancels whoever waits on a link that it gives up; that is not our end.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise unavailable(error) from error


def unavailable(error: BaseException | None) -> UnavailableError:
    """Whatever RabbitMQ said; it never repeats a password."""
    match error:
        case None | asyncio.CancelledError():
            text = "the link is gone"
        case TimeoutError():
            text = "no answer in time"
        case DeliveryError():
            text = str(error)
        case _:
            text = " ".join(str(part) for part in error.args) or type(error).__name__
    return UnavailableError(f"RabbitMQ: {text}", hint="it is tried again by itself")


async def left(channel: AbstractChannel) -> None:
    """Close it; what is unsettled goes back to its queue."""
    if not channel.is_closed:
        await _closed(channel.close())


async def _closed(closing: Awaitable[None]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(ANSWER_WITHIN):
            try:
                await closing
            except (AMQPError, ChannelInvalidStateError, OSError) as error:
                log.info("rabbitmq_close", error=str(error))
