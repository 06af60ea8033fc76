"""What every broker keeps: deliveries in, publishing out.

Another adapter joins as a `Bench`: the sides of it that the ports do not show.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from activity_core.adapters.memory.broker import MemoryBroker
from activity_core.adapters.memory.clock import ManualClock
from activity_core.adapters.nats.connection import (
    EMITTED,
    EVENTS_STREAM,
    INBOX_STREAM,
    NatsConnection,
    NatsSettings,
)
from activity_core.adapters.nats.consumer import NatsConsumer
from activity_core.adapters.nats.publisher import NatsPublisher
from activity_core.core.errors import UnavailableError
from activity_core.ports.broker import Consumer, Delivery, Publisher

SOON = timedelta(milliseconds=100)


@dataclass(frozen=True)
class Bench:
    """Both ports of a broker, and its other side.

    Attributes:
        send: put a message with some headers on the inbound stream.
        pass_time: let so much time go by.
        published: (event id, type, body) of everything on the outbound stream, in order.
    """

    consumer: Consumer
    publisher: Publisher
    send: Callable[[bytes, dict[str, str]], Awaitable[None]]
    pass_time: Callable[[timedelta], Awaitable[None]]
    published: Callable[[], Awaitable[Sequence[tuple[str, str, bytes]]]]


@pytest.fixture(params=["memory", "nats"])
async def bench(request: pytest.FixtureRequest, nats_url: str) -> AsyncIterator[Bench]:
    if request.param == "memory":
        yield memory()
        return
    async with on_nats(nats_url) as bench:
        yield bench


def memory() -> Bench:
    clock = ManualClock()
    broker = MemoryBroker(clock)

    async def send(body: bytes, headers: dict[str, str]) -> None:
        broker.send(body, headers=headers)

    async def pass_time(duration: timedelta) -> None:
        clock.advance(duration)

    async def published() -> Sequence[tuple[str, str, bytes]]:
        return [(event.event_id, event.event_type, event.body) for event in broker.events]

    return Bench(broker, broker, send, pass_time, published)


@asynccontextmanager
async def on_nats(url: str) -> AsyncIterator[Bench]:
    """Two empty streams."""
    connection = NatsConnection(NatsSettings(url))
    stream = await connection.jetstream()
    for name in (INBOX_STREAM, EVENTS_STREAM):
        await stream.delete_stream(name)
    await connection.forget()
    stream = await connection.jetstream()

    async def send(body: bytes, headers: dict[str, str]) -> None:
        await stream.publish("events.test", body, headers=headers or None)

    async def pass_time(duration: timedelta) -> None:
        await asyncio.sleep(duration.total_seconds())  # a server has its own clock

    async def published() -> Sequence[tuple[str, str, bytes]]:
        count = (await stream.stream_info(EVENTS_STREAM)).state.messages
        found = [await stream.get_msg(EVENTS_STREAM, seq=number + 1) for number in range(count)]
        return [
            (
                (message.headers or {})["Nats-Msg-Id"],
                str(message.subject).removeprefix(EMITTED),
                message.data or b"",
            )
            for message in found
        ]

    yield Bench(NatsConsumer(connection), NatsPublisher(connection), send, pass_time, published)
    await connection.forget()


async def stream(bench: Bench, batch: int = 10) -> AsyncIterator[Delivery]:
    async for deliveries in bench.consumer.deliveries(batch):
        assert 1 <= len(deliveries) <= batch
        for delivery in deliveries:
            yield delivery


async def take(bench: Bench, count: int, batch: int = 10) -> list[Delivery]:
    """The next so many deliveries, not settled."""
    taken: list[Delivery] = []
    async with aclosing(stream(bench, batch)) as deliveries:  # type: ignore[type-var]
        async for delivery in deliveries:
            taken.append(delivery)
            if len(taken) == count:
                break
    return taken


async def test_messages_come_as_they_were_sent_and_in_order(bench: Bench):
    for n in range(5):
        await bench.send(b"\x00\xff%d" % n, {"content-type": "application/json", "n": str(n)})
    taken = await take(bench, 5, batch=2)
    assert [delivery.body for delivery in taken] == [b"\x00\xff%d" % n for n in range(5)]
    assert [delivery.headers["n"] for delivery in taken] == list("01234")
    assert len({delivery.position for delivery in taken}) == 5
    assert all(delivery.published_at.tzinfo for delivery in taken)
    assert all(delivery.subject for delivery in taken)


async def test_what_is_settled_never_comes_again(bench: Bench):
    for body in (b"a", b"b", b"c"):
        await bench.send(body, {})
    acked, dead, retried = await take(bench, 3)
    await acked.ack()
    await dead.dead("event_invalid")
    await retried.retry(SOON)
    await bench.pass_time(SOON)
    [again] = await take(bench, 1)
    assert (again.body, again.position) == (b"c", retried.position)
    await again.ack()
    await bench.send(b"d", {})
    [last] = await take(bench, 1)
    assert last.body == b"d"


async def test_retrying_what_is_settled_changes_nothing(bench: Bench):
    await bench.send(b"a", {})
    [delivery] = await take(bench, 1)
    await delivery.ack()
    await delivery.retry(timedelta())
    await bench.send(b"b", {})
    [after] = await take(bench, 1)
    assert after.body == b"b"


async def test_publishing_stores_each_event_id_once_in_order(bench: Bench):
    await bench.publisher.publish("e1", "shop.paid", b"1")
    await bench.publisher.publish("e2", "shop.sent", b"2")
    await bench.publisher.publish("e1", "shop.paid", b"1")
    assert list(await bench.published()) == [("e1", "shop.paid", b"1"), ("e2", "shop.sent", b"2")]


async def test_the_twin_fails_on_demand():
    broker = MemoryBroker(ManualClock())
    broker.failures.before(UnavailableError("away"))
    broker.failures.after(UnavailableError("answer lost"))
    for stored in (0, 1):
        with pytest.raises(UnavailableError):
            await broker.publish("e1", "shop.paid", b"1")
        assert len(broker.events) == stored
    await broker.publish("e1", "shop.paid", b"1")
    assert len(broker.events) == 1


async def test_the_twin_is_interrupted_redelivers_and_closes():
    broker = MemoryBroker(ManualClock())
    broker.send(b"a")
    broker.interrupt(UnavailableError("away"))
    with pytest.raises(UnavailableError):
        await anext(broker.deliveries(1))
    [lost] = await anext(broker.deliveries(1))
    broker.redeliver()
    [again] = await anext(broker.deliveries(1))
    assert again.position == lost.position
    await again.dead("event_invalid")
    broker.close()
    assert [batch async for batch in broker.deliveries(1)] == []
    assert broker.endings == ["dead: event_invalid"]
