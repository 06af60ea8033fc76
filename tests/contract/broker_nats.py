"""NATS as a bench: both streams made anew, and a durable that soon gives up on a dead process."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from nats.js import JetStreamContext
from tests.brokers.nats import make_streams_anew
from tests.contract.broker_bench import Bench, Published

from activity_core.adapters.nats.connection import NatsConnection
from activity_core.adapters.nats.consumer import NatsConsumer
from activity_core.adapters.nats.durable import DURABLE
from activity_core.adapters.nats.publisher import NatsPublisher
from activity_core.adapters.nats.settings import NatsSettings
from activity_core.adapters.nats.streams import EMITTED, EVENTS_STREAM, INBOX_STREAM
from activity_core.embedded.ports import choose_ports
from activity_core.ports.broker import Consumer

ACK_WAIT = 3.0
"""Seconds; far more than any test leaves a message unsettled."""


@asynccontextmanager
async def bench(address: str) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as links:

        async def link(url: str) -> NatsConnection:
            connection = NatsConnection(NatsSettings(url))
            links.push_async_callback(connection.forget)
            return connection

        connection = await link(address)
        stream = await connection.jetstream()
        await make_streams_anew(connection)
        await stream.add_consumer(
            INBOX_STREAM, durable_name=DURABLE, name=DURABLE, ack_wait=ACK_WAIT
        )
        port = choose_ports(["nobody"], demanded={}, preferred={})["nobody"]
        away = await link(f"nats://127.0.0.1:{port}")

        async def successor() -> Consumer:
            return NatsConsumer(await link(address))

        async def send(body: bytes, headers: dict[str, str]) -> None:
            await stream.publish("events.test", body, headers=headers or None)

        async def pass_time(duration: timedelta) -> None:
            await asyncio.sleep(duration.total_seconds())  # a server has its own clock

        async def published() -> Sequence[Published]:
            return await _stored(stream)

        yield Bench(
            consumer=NatsConsumer(connection),
            publisher=NatsPublisher(connection),
            successor=successor,
            unreachable=(NatsConsumer(away), NatsPublisher(away)),
            send=send,
            pass_time=pass_time,
            published=published,
            dedupes=True,
        )


async def _stored(stream: JetStreamContext) -> Sequence[Published]:
    count = (await stream.stream_info(EVENTS_STREAM)).state.messages
    found = [await stream.get_msg(EVENTS_STREAM, seq=number + 1) for number in range(count)]
    return [
        Published(
            (message.headers or {})["Nats-Msg-Id"],
            str(message.subject).removeprefix(EMITTED),
            message.data or b"",
        )
        for message in found
    ]
