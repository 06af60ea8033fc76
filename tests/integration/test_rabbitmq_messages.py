"""What a message of RabbitMQ says of itself, and messages that no client library can read."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from secrets import token_hex
from typing import Any

import pytest
from aiormq.abc import AbstractChannel, DeliveredMessage
from hypothesis import given
from hypothesis import strategies as st
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from activity_core.adapters.rabbitmq.connection import RabbitmqConnection
from activity_core.adapters.rabbitmq.consumer import RabbitmqConsumer, RabbitmqDelivery
from activity_core.adapters.rabbitmq.message import (
    attempt_of,
    headers_of,
    position_of,
    published_at,
)
from activity_core.adapters.rabbitmq.settings import RabbitmqSettings
from activity_core.adapters.rabbitmq.wire import MendingReader
from activity_core.adapters.system_clock import SystemClock

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


def message(
    body: bytes = b"{}", *, key: str = "q", redelivered: bool = False, **properties: Any
) -> DeliveredMessage:
    return DeliveredMessage(
        delivery=Basic.Deliver("ctag", 1, redelivered, "events", key),
        header=ContentHeader(0, len(body), Basic.Properties(**properties)),
        body=body,
        channel=None,  # type: ignore[arg-type]
    )


def test_headers_are_text_and_properties_cannot_be_passed_off():
    headers = headers_of(
        message(
            content_type="application/json",
            message_id="m1",
            message_type="paid",
            user_id="shop",
            headers={
                "cloudEvents:id": "e1",
                "cloudEvents:time": NOW,
                "flag": True,
                "count": 7,
                "price": Decimal("1.5"),
                "none": None,
                "latin": b"gr\xfc\xdf",
                "list": ["a", {"b": 1}],
                "Amqp-User-Id": "somebody else",
                "Content-Type": "text/plain",
            },
        )
    )
    assert headers == {
        "content-type": "application/json",
        "amqp-message-id": "m1",
        "amqp-type": "paid",
        "amqp-user-id": "shop",
        "cloudEvents:id": "e1",
        "cloudEvents:time": "2026-11-21T09:00:00+00:00",
        "flag": "true",
        "count": "7",
        "price": "1.5",
        "none": "",
        "latin": "gr\\xfc\\xdf",
        "list": '["a", {"b": 1}]',
    }


def test_the_message_id_is_the_position():
    one = position_of("inbox", message(b"1", message_id="m1"))
    assert one == "inbox/id/m1" != position_of("inbox", message(b"1", message_id="m2"))
    assert one != position_of("other", message(b"1", message_id="m1"))


def test_without_an_id_a_redelivery_is_the_same_and_any_difference_another():
    def position(body: bytes = b"{}", **what: Any) -> str:
        return position_of("inbox", message(body, **what))

    first = position(headers={"a": "1"}, timestamp=NOW)
    again = position(
        headers={"a": "1", "x-delivery-count": 3, "x-death": [{"count": 1}]},
        timestamp=NOW,
        redelivered=True,
    )
    assert first == again
    others = [
        position(b"{ }", headers={"a": "1"}, timestamp=NOW),
        position(headers={"a": "2"}, timestamp=NOW),
        position(headers={"a": "1"}, timestamp=NOW + timedelta(seconds=1)),
        position(headers={"a": "1"}, timestamp=NOW, key="r"),
        position(headers={"a": "1"}, timestamp=NOW, correlation_id="c"),
        position(message_id="sha256/" + first.rpartition("/")[2]),
    ]
    assert len({first, *others}) == len(others) + 1


def test_attempts_are_those_that_the_queue_counts():
    assert attempt_of(message()) == 1
    assert attempt_of(message(redelivered=True)) == 2
    assert attempt_of(message(redelivered=True, headers={"x-delivery-count": 4})) == 5
    assert attempt_of(message(headers={"x-delivery-count": "many"})) == 1


def test_the_time_is_the_senders_unless_it_is_none_or_to_come():
    earlier = NOW - timedelta(days=3)
    assert published_at(message(timestamp=earlier), NOW) == earlier
    assert published_at(message(timestamp=NOW + timedelta(days=1)), NOW) == NOW
    assert published_at(message(), NOW) == NOW


class Unreadable(Basic.Properties):
    """Properties as they are on the wire, whatever the library would say of them."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self.raw = raw

    def marshal(self) -> bytes:
        return self.raw


class Latin(str):
    """Text that goes over the wire in Latin-1."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return super().encode("latin-1")


TYPE_LATIN = b"\x80\x00" + b"\x0cgr\xfc\xdfe/latin\x31"
MICROSECONDS = b"\x80\xc0\x10application/json\x02m1" + (1_790_000_000_000_000).to_bytes(8, "big")
BAD_TABLE = b"\xa0\x00\x10application/json" + b"\x00\x00\x00\x05\x02a\xfft\x01"


@pytest.fixture
async def connection(rabbitmq_url: str) -> AsyncIterator[RabbitmqConnection]:
    connection = RabbitmqConnection(RabbitmqSettings(rabbitmq_url))
    yield connection
    await connection.forget()


@pytest.fixture
async def channel(connection: RabbitmqConnection) -> AbstractChannel:
    return await connection.channel(confirms=True)


@pytest.fixture
async def queue(channel: AbstractChannel) -> AsyncIterator[str]:
    name = f"inbox-{token_hex(4)}"
    await channel.queue_declare(name, durable=True, arguments={"x-queue-type": "quorum"})
    yield name
    await channel.queue_delete(name)


async def delivered(
    connection: RabbitmqConnection, queue: str, count: int
) -> list[RabbitmqDelivery]:
    found: list[RabbitmqDelivery] = []
    batches = RabbitmqConsumer(connection, SystemClock(), queue=queue).deliveries(10)
    async with asyncio.timeout(20):
        while len(found) < count:
            found += await anext(batches)
    for delivery in found:
        await delivery.ack()
    await batches.aclose()  # type: ignore[attr-defined]
    return found


async def test_what_cannot_be_read_blocks_nothing_behind_it(
    connection: RabbitmqConnection, channel: AbstractChannel, queue: str
):
    for raw in (TYPE_LATIN, MICROSECONDS, BAD_TABLE):
        await channel.basic_publish(b'{"n": 1}', routing_key=queue, properties=Unreadable(raw))
    await channel.basic_publish(b"last", routing_key=queue, properties=Basic.Properties())
    latin, micro, table, last = await delivered(connection, queue, 4)
    assert latin.headers == {"unreadable-content_type": TYPE_LATIN[2:].hex()}
    assert (micro.position, micro.headers["content-type"]) == (f"{queue}/id/m1", "application/json")
    assert micro.headers["unreadable-timestamp"] == MICROSECONDS[-8:].hex()
    assert table.headers["unreadable-headers"] == BAD_TABLE[-9:].hex()
    assert last.body == b"last"
    assert {d.body for d in (latin, micro, table)} == {b'{"n": 1}'}


async def test_a_routing_key_in_latin_1_comes_with_question_marks(
    connection: RabbitmqConnection, channel: AbstractChannel, queue: str
):
    await channel.exchange_declare("latin", exchange_type="fanout", auto_delete=True)
    await channel.queue_bind(queue, "latin", "")
    await channel.basic_publish(b"1", exchange="latin", routing_key=Latin("grüße"))
    [delivery] = await delivered(connection, queue, 1)
    assert (delivery.subject, delivery.body) == ("gr??e", b"1")


async def test_messages_of_all_sizes_come_whole(
    connection: RabbitmqConnection, channel: AbstractChannel, queue: str
):
    bodies = [b"", b"1", bytes(range(256)) * 2_000]
    for body in bodies:
        await channel.basic_publish(body, routing_key=queue)
    assert [d.body for d in await delivered(connection, queue, 3)] == bodies


@given(st.binary(max_size=300), st.sampled_from([1, 2, 3, 8]))
async def test_no_frame_breaks_the_reader(payload: bytes, kind: int):
    """Asked for as the library does: a byte, the rest of the head, the rest."""
    wire = asyncio.StreamReader()
    head = bytes([kind]) + b"\x00\x01" + len(payload).to_bytes(4, "big")
    wire.feed_data((head + payload + b"\xce") * 2)
    wire.feed_eof()
    reader = MendingReader(wire)
    for _ in range(2):
        begin = await reader.readexactly(1) + await reader.readexactly(6)
        rest = await reader.readexactly(int.from_bytes(begin[3:], "big") + 1)
        assert (begin[0], rest[-1:]) == (kind, b"\xce")
    assert reader.at_eof()
