"""RabbitmqConsumer and RabbitmqPublisher against a server, beyond the contract of the port."""

import asyncio
import os
import signal
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from secrets import token_hex

import pytest
from aiormq.abc import AbstractChannel
from pamqp.commands import Basic
from pamqp.common import FieldTable
from structlog.testing import capture_logs
from tests.brokers.nats import certified
from tests.brokers.rabbitmq import RabbitmqServer, rabbitmq_server

from activity_core.adapters.rabbitmq import connection as connection_module
from activity_core.adapters.rabbitmq import publisher as publisher_module
from activity_core.adapters.rabbitmq.connection import (
    ANSWER_WITHIN,
    PAUSE,
    RabbitmqConnection,
    unavailable_if_failing,
)
from activity_core.adapters.rabbitmq.consumer import (
    WINDOW,
    RabbitmqConsumer,
    RabbitmqDelivery,
    server_version,
)
from activity_core.adapters.rabbitmq.publisher import EXCHANGE, RabbitmqPublisher
from activity_core.adapters.rabbitmq.settings import RabbitmqSettings
from activity_core.adapters.system_clock import SystemClock
from activity_core.core.errors import ConfigurationError, UnavailableError

NOW = timedelta()
LATER = timedelta(minutes=5)
SOON = timedelta(milliseconds=50)
TYPE = "activity-core.x.v1"


@asynccontextmanager
async def link(url: str) -> AsyncIterator[RabbitmqConnection]:
    connection = RabbitmqConnection(RabbitmqSettings(url))
    yield connection
    await connection.forget()


@pytest.fixture
async def connection(rabbitmq_url: str) -> AsyncIterator[RabbitmqConnection]:
    async with link(rabbitmq_url) as connection:
        yield connection


@pytest.fixture
async def channel(connection: RabbitmqConnection) -> AbstractChannel:
    return await connection.channel(confirms=True)


@pytest.fixture
async def queue(channel: AbstractChannel) -> AsyncIterator[str]:
    name = f"inbox-{token_hex(4)}"
    await channel.queue_declare(name, durable=True, arguments={"x-queue-type": "quorum"})
    yield name
    await channel.queue_delete(name)


def consumer(connection: RabbitmqConnection, queue: str) -> RabbitmqConsumer:
    return RabbitmqConsumer(connection, SystemClock(), queue=queue)


async def send(channel: AbstractChannel, queue: str, *bodies: bytes) -> None:
    for body in bodies:
        await channel.basic_publish(
            body, routing_key=queue, properties=Basic.Properties(delivery_mode=2)
        )


class Reading:
    """The deliveries of one consumer, one by one."""

    def __init__(self, consumer: RabbitmqConsumer, batch: int = 1) -> None:
        self.batches = consumer.deliveries(batch)

    async def next(self) -> RabbitmqDelivery:
        async with asyncio.timeout(20):
            [delivery] = await anext(self.batches)
        return delivery

    async def rest(self) -> None:
        """All that comes, for ever."""
        while True:
            await self.next()

    async def nothing(self) -> bool:
        """Whether nothing comes for a while. Ends the reading."""
        try:
            async with asyncio.timeout(0.3):
                await anext(self.batches)
        except TimeoutError:
            return True
        return False


async def test_what_a_dead_consumer_had_goes_to_another(
    rabbitmq_url: str, connection: RabbitmqConnection, channel: AbstractChannel, queue: str
):
    await send(channel, queue, b"a", b"b")
    async with link(rabbitmq_url) as dying:
        reading = Reading(consumer(dying, queue))
        first, second = await reading.next(), await reading.next()
        await first.ack()
        await dying.check()  # an answer comes after what was written before
        await dying.forget()
        with pytest.raises(UnavailableError):
            await reading.next()
        with pytest.raises(UnavailableError):
            await second.ack()
    again = await Reading(consumer(connection, queue)).next()
    assert (again.body, again.attempt, again.position) == (b"b", 2, second.position)


async def test_attempts_are_counted(
    connection: RabbitmqConnection, channel: AbstractChannel, queue: str
):
    await send(channel, queue, b"a")
    reading = Reading(consumer(connection, queue))
    for attempt in (1, 2, 3):
        delivery = await reading.next()
        assert delivery.attempt == attempt
        await delivery.retry(SOON)


async def test_what_waits_for_its_retry_lets_others_pass_and_goes_back_at_the_end(
    connection: RabbitmqConnection, channel: AbstractChannel, queue: str
):
    await send(channel, queue, b"a", b"b")
    async with aclosing(consumer(connection, queue).deliveries(1)) as deliveries:  # type: ignore[type-var]
        [first] = await anext(deliveries)
        await first.retry(LATER)
        [second] = await anext(deliveries)
        assert second.body == b"b"
        await second.ack()
    again = await Reading(consumer(connection, queue)).next()
    assert (again.body, again.attempt) == (b"a", 2)


async def test_a_consumer_that_is_cancelled_gives_everything_back(
    connection: RabbitmqConnection, channel: AbstractChannel, queue: str
):
    await send(channel, queue, b"a", b"b", b"c")
    got = asyncio.Event()

    async def consume() -> None:
        async with aclosing(consumer(connection, queue).deliveries(1)) as deliveries:  # type: ignore[type-var]
            async for [delivery] in deliveries:
                await delivery.retry(LATER)
                got.set()
                await asyncio.Event().wait()

    task = asyncio.ensure_future(consume())
    await got.wait()
    task.cancel()
    await asyncio.wait([task])
    reading = Reading(consumer(connection, queue))
    assert {(await reading.next()).body for _ in range(3)} == {b"a", b"b", b"c"}


async def test_no_more_than_the_window_is_taken(
    connection: RabbitmqConnection, channel: AbstractChannel, queue: str
):
    bodies = [b"%d" % n for n in range(2 * WINDOW + 3)]
    await send(channel, queue, *bodies)
    deliveries = consumer(connection, queue).deliveries(2)
    assert 1 <= len(await anext(deliveries)) <= 2
    reading = Reading(consumer(connection, queue))
    assert [(await reading.next()).body for _ in range(3)] == bodies[-3:]
    assert await reading.nothing()


async def test_a_missing_queue_is_made_as_a_quorum_queue(
    rabbitmq: RabbitmqServer, connection: RabbitmqConnection, channel: AbstractChannel
):
    name = f"inbox-{token_hex(4)}"
    reading = Reading(consumer(connection, name))
    assert await reading.nothing()
    listed = await rabbitmq.control("list_queues", "name", "type", "durable")
    assert f"{name}\tquorum\ttrue" in listed.splitlines()
    assert server_version(channel) == 3
    await channel.queue_delete(name)


async def test_a_queue_that_is_removed_is_looked_for_again(
    connection: RabbitmqConnection, channel: AbstractChannel, queue: str
):
    reading = Reading(consumer(connection, queue))
    await send(channel, queue, b"a")
    await (await reading.next()).ack()
    await channel.queue_delete(queue)
    with pytest.raises(UnavailableError, match="is gone"):
        await reading.next()
    reading = Reading(consumer(connection, queue))
    assert await reading.nothing()
    await send(channel, queue, b"b")
    assert (await Reading(consumer(connection, queue)).next()).body == b"b"


async def test_a_classic_queue_is_taken_with_a_warning(
    connection: RabbitmqConnection, channel: AbstractChannel
):
    name = f"classic-{token_hex(4)}"
    await channel.queue_declare(name, durable=True)
    await send(channel, name, b"a")
    reading = Reading(consumer(connection, name))
    with capture_logs() as logs:
        for attempt in (1, 2, 2):
            delivery = await reading.next()
            assert delivery.attempt == attempt
            await delivery.retry(NOW)
    warnings = [entry for entry in logs if entry["event"] == "rabbitmq_queue_counts_nothing"]
    assert [entry["queue"] for entry in warnings] == [name]
    await channel.queue_delete(name)


async def test_publishing_is_confirmed_only_when_every_queue_has_it(
    rabbitmq_url: str, channel: AbstractChannel
):
    async with link(rabbitmq_url) as connection:
        publisher = RabbitmqPublisher(connection)
        await publisher.publish("e1", TYPE, b"{}", key="k")
        full: FieldTable = {"x-max-length": 1, "x-overflow": "reject-publish"}
        await channel.queue_declare("full", arguments=full, exclusive=True)
        await channel.queue_bind("full", EXCHANGE, "#")
        await publisher.publish("e2", TYPE, b"{}", key="k")
        with pytest.raises(UnavailableError, match="delivery failed"):
            await publisher.publish("e3", TYPE, b"{}", key="k")
        message = await channel.basic_get("full", no_ack=True)
        properties = message.header.properties
        assert (properties.message_id, properties.delivery_mode) == ("e2", 2)
        assert (properties.content_type, message.routing_key) == (
            "application/cloudevents+json",
            TYPE,
        )
        await channel.queue_delete("full")


async def test_an_exchange_that_was_removed_is_made_again(
    connection: RabbitmqConnection, channel: AbstractChannel
):
    publisher = RabbitmqPublisher(connection)
    await publisher.publish("e1", TYPE, b"{}", key="k")
    await channel.exchange_delete(EXCHANGE)
    with pytest.raises(UnavailableError, match="no exchange"):
        await publisher.publish("e2", TYPE, b"{}", key="k")
    await publisher.publish("e2", TYPE, b"{}", key="k")


async def test_a_refused_login_is_told_without_the_password(rabbitmq: RabbitmqServer):
    async with link(rabbitmq.url("guest", "not-the-secret")) as connection:
        with pytest.raises(UnavailableError, match="Login was refused") as refused:
            await connection.check()
    assert "not-the-secret" not in "".join(traceback.format_exception(refused.value))
    assert "not-the-secret" not in repr(RabbitmqSettings(rabbitmq.url("guest", "not-the-secret")))


@pytest.mark.parametrize("url", ["", "http://host/", "amqp://user:pa#ss@host/", "amqp:///vhost"])
def test_what_is_no_address_is_refused_without_repeating_it(url: str):
    with pytest.raises(ConfigurationError) as refused:
        RabbitmqConnection(RabbitmqSettings(url))
    assert "pa#ss" not in "".join(traceback.format_exception(refused.value))


async def test_while_it_is_away_every_use_says_so_soon():
    began = time.monotonic()
    async with link("amqp://guest:guest@127.0.0.1:1/") as connection:
        with pytest.raises(UnavailableError):
            await connection.check()
        publisher = RabbitmqPublisher(connection)
        sends = (publisher.publish(f"e{n}", TYPE, b"{}", key="k") for n in range(200))
        answers = await asyncio.gather(*sends, return_exceptions=True)
        assert {type(answer) for answer in answers} == {UnavailableError}
        await asyncio.sleep(PAUSE)
        with pytest.raises(UnavailableError, match="Connect call failed"):
            await anext(consumer(connection, "any").deliveries(1))
    assert time.monotonic() - began < 5


async def test_it_goes_on_after_an_outage_and_nothing_is_lost(tmp_path: Path):
    async with (
        rabbitmq_server(tmp_path) as server,
        link(server.url()) as inbound,
        link(server.url()) as outbound,
    ):
        publisher = RabbitmqPublisher(outbound)
        bodies = {b"%d" % n for n in range(20)}
        reading = Reading(consumer(inbound, "inbox"))
        assert await reading.nothing()
        await send(await outbound.channel(confirms=True), "inbox", *bodies)
        await publisher.publish("e1", TYPE, b"{}", key="k")
        reading = Reading(consumer(inbound, "inbox"))
        unsettled = await reading.next()
        acked = {await settled(await reading.next()) for _ in range(5)}

        await server.kill()
        with pytest.raises(UnavailableError):
            await reading.rest()
        with pytest.raises(UnavailableError):
            await unsettled.ack()
        with pytest.raises(UnavailableError):
            await publisher.publish("e2", TYPE, b"{}", key="k")
        with pytest.raises(UnavailableError):
            await inbound.check()

        await server.start()
        await again(lambda: publisher.publish("e2", TYPE, b"{}", key="k"))
        await again(inbound.check)
        left = set(bodies) - acked

        async def drain() -> None:
            reading = Reading(consumer(inbound, "inbox"))
            while left:
                left.discard(await settled(await reading.next()))

        await again(drain)


async def settled(delivery: RabbitmqDelivery) -> bytes:
    await delivery.ack()
    return delivery.body


async def again(ask: Callable[[], Awaitable[None]]) -> None:
    """As loops do: until it is available."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await ask()
            except UnavailableError:
                await asyncio.sleep(0.1)


async def test_a_server_that_hangs_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with (
        rabbitmq_server(tmp_path) as server,
        link(server.url() + "?heartbeat=1") as inbound,
        link(server.url()) as outbound,
    ):
        publisher = RabbitmqPublisher(outbound)
        await publisher.publish("e1", TYPE, b"{}", key="k")
        reading = Reading(consumer(inbound, "inbox"))
        assert await reading.nothing()
        reading = Reading(consumer(inbound, "inbox"))
        await send(await outbound.channel(confirms=True), "inbox", b"a")
        await reading.next()
        assert server.process.pid
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            with monkeypatch.context() as patience:
                for module in (publisher_module, connection_module):
                    patience.setattr(module, "ANSWER_WITHIN", 1.0)
                began = time.monotonic()
                with pytest.raises(UnavailableError):
                    await publisher.publish("e2", TYPE, b"{}", key="k")
                assert time.monotonic() - began < 3 * ANSWER_WITHIN
            with pytest.raises(UnavailableError):
                await reading.next()
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        await again(lambda: publisher.publish("e2", TYPE, b"{}", key="k"))


async def test_only_our_own_cancellation_is_one():
    """The library cancels whoever waits on a link that it gives up."""
    with pytest.raises(UnavailableError, match="the link is gone"), unavailable_if_failing():
        raise asyncio.CancelledError

    async def wait() -> None:
        with unavailable_if_failing():
            await asyncio.Event().wait()

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_tls_proves_both_sides(tmp_path: Path):
    files = certified(tmp_path)
    options = {
        "cacertfile": str(files.authority),
        "certfile": str(files.certificate),
        "keyfile": str(files.key),
        "verify": "verify_peer",
        "fail_if_no_peer_cert": "true",
    }
    async with rabbitmq_server(tmp_path / "server", tls=options) as server:
        ours = RabbitmqSettings(
            server.tls_url,
            tls_ca=str(files.authority),
            tls_cert=str(files.certificate),
            tls_key=str(files.key),
        )
        connection = RabbitmqConnection(ours)
        await RabbitmqPublisher(connection).publish("e1", TYPE, b"{}", key="k")
        await connection.forget()
        for settings in (replace(ours, tls_ca=None), replace(ours, tls_cert=None, tls_key=None)):
            with pytest.raises(UnavailableError):
                await RabbitmqConnection(settings).check()


def test_files_for_tls_are_used_or_refused(tmp_path: Path):
    files = certified(tmp_path)
    with pytest.raises(ConfigurationError, match="amqp:// does not encrypt"):
        RabbitmqConnection(RabbitmqSettings("amqp://host", tls_ca=str(files.authority)))
    with pytest.raises(ConfigurationError, match=r"missing\.pem"):
        RabbitmqConnection(RabbitmqSettings("amqps://host", tls_ca=str(tmp_path / "missing.pem")))
