"""NATS for real, beyond the contract of the port: away, back again, streams, subjects."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from nats.js.api import RetentionPolicy, StreamConfig

from activity_core.adapters.nats.connection import PAUSE, NatsConnection
from activity_core.adapters.nats.consumer import NatsConsumer
from activity_core.adapters.nats.publisher import NatsPublisher
from activity_core.adapters.nats.settings import NatsSettings
from activity_core.adapters.nats.streams import DUPLICATE_WINDOW, EVENTS_STREAM, INBOX_STREAM
from activity_core.core.errors import UnavailableError
from activity_core.embedded.directory import locked
from activity_core.embedded.nats import EmbeddedNats
from activity_core.embedded.ports import choose_ports


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedNats]:
    """A server of this test's own, not started yet."""
    async with locked(tmp_path) as data:
        port = choose_ports(["nats"], demanded={}, preferred={})["nats"]
        server = EmbeddedNats(data, port, durable=False)
        yield server
        await server.process.stop()


@asynccontextmanager
async def link(url: str) -> AsyncIterator[NatsConnection]:
    connection = NatsConnection(NatsSettings(url))
    yield connection
    await connection.forget()


async def test_while_it_is_away_every_use_says_so_soon(server: EmbeddedNats):
    """Whoever waits here may hold rows locked: it must not wait until the server comes."""
    async with link(server.url) as connection:
        began = time.monotonic()
        with pytest.raises(UnavailableError):
            await NatsPublisher(connection).publish("e1", "activity-core.x.v1", b"{}", key="k")
        with pytest.raises(UnavailableError):
            await connection.check()
        await asyncio.sleep(PAUSE)
        with pytest.raises(UnavailableError):
            await anext(NatsConsumer(connection).deliveries(1))
        assert time.monotonic() - began < 15


async def test_many_who_wait_for_it_are_told_together(server: EmbeddedNats):
    async with link(server.url) as connection:
        publisher = NatsPublisher(connection)
        began = time.monotonic()
        sends = (
            publisher.publish(f"e{n}", "activity-core.x.v1", b"{}", key="k") for n in range(200)
        )
        answers = await asyncio.gather(*sends, return_exceptions=True)
        assert {type(answer) for answer in answers} == {UnavailableError}
        assert time.monotonic() - began < 10


async def test_it_goes_on_when_the_server_is_back(server: EmbeddedNats):
    async with link(server.url) as connection:
        publisher, consumer = NatsPublisher(connection), NatsConsumer(connection)
        await server.start()
        await publisher.publish("e1", "activity-core.x.v1", b"{}", key="k")
        deliveries = consumer.deliveries(1)
        await (await connection.jetstream()).publish("events.x", b"1")
        [first] = await anext(deliveries)
        await server.process.stop()
        with pytest.raises(UnavailableError):
            await publisher.publish("e2", "activity-core.x.v1", b"{}", key="k")
        with pytest.raises(UnavailableError):
            await anext(deliveries)

        await server.start()
        await _published(publisher, "e2")
        await _published(publisher, "e2")
        stream = await connection.jetstream()
        assert (await stream.stream_info(EVENTS_STREAM)).state.messages == 2
        await stream.publish("events.x", b"2")
        positions = {first.position}
        async for batch in consumer.deliveries(10):
            for delivery in batch:
                await delivery.ack()
                positions.add(delivery.position)
            if len(positions) == 2:
                break


async def _published(publisher: NatsPublisher, event_id: str) -> None:
    """As the relay does: again, until it is confirmed."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await publisher.publish(event_id, "activity-core.x.v1", b"{}", key="k")
            except UnavailableError:
                await asyncio.sleep(0.1)


async def test_the_streams_are_made_as_promised(nats_url: str):
    async with link(nats_url) as connection:
        stream = await connection.jetstream()
        inbox = (await stream.stream_info(INBOX_STREAM)).config
        assert (inbox.subjects, inbox.retention) == (["events.>"], RetentionPolicy.WORK_QUEUE)
        events = (await stream.stream_info(EVENTS_STREAM)).config
        assert events.duplicate_window == DUPLICATE_WINDOW.total_seconds()


async def test_a_stream_of_somebody_elses_is_left_as_it_is(server: EmbeddedNats):
    await server.start()
    async with link(server.url) as connection:
        stream = await connection.jetstream()
        await stream.delete_stream(EVENTS_STREAM)
        await stream.add_stream(
            StreamConfig(name=EVENTS_STREAM, subjects=["activity-core.>"], max_msgs=7)
        )
        await connection.forget()
        again = await connection.jetstream()
        assert (await again.stream_info(EVENTS_STREAM)).config.max_msgs == 7


async def test_an_outbound_stream_that_was_removed_is_made_again(server: EmbeddedNats):
    await server.start()
    async with link(server.url) as connection:
        stream = await connection.jetstream()
        await stream.delete_stream(EVENTS_STREAM)
        publisher = NatsPublisher(connection)
        with pytest.raises(UnavailableError):
            await publisher.publish("e1", "activity-core.x.v1", b"{}", key="k")
        await publisher.publish("e1", "activity-core.x.v1", b"{}", key="k")
        info = await (await connection.jetstream()).stream_info(EVENTS_STREAM)
        assert info.state.messages == 1


async def test_ours_keep_their_type_as_subject_and_those_of_teams_get_a_prefix(nats_url: str):
    async with link(nats_url) as connection:
        stream = await connection.jetstream()
        publisher = NatsPublisher(connection)
        for event_type in ("activity-core.task.created.v1", "shop.paid"):
            await publisher.publish(f"id of {event_type}", event_type, b"{}", key="k")
            count = (await stream.stream_info(EVENTS_STREAM)).state.last_seq
            message = await stream.get_msg(EVENTS_STREAM, seq=count)
            prefix = "" if event_type.startswith("activity-core.") else "emitted."
            assert message.subject == prefix + event_type


async def test_positions_of_a_stream_that_was_made_anew_are_others(server: EmbeddedNats):
    await server.start()
    positions = []
    async with link(server.url) as connection:
        for _ in range(2):
            stream = await connection.jetstream()
            await stream.publish("events.x", b"1")
            [delivery] = await anext(NatsConsumer(connection).deliveries(1))
            positions.append(delivery.position)
            await stream.delete_stream(INBOX_STREAM)
            await connection.forget()
    assert len(set(positions)) == 2


async def test_positions_name_the_stream_its_making_and_the_place_in_it(server: EmbeddedNats):
    """Ids of events are made of them: they must not change from one release to the next."""
    await server.start()
    async with link(server.url) as connection:
        stream = await connection.jetstream()
        await stream.publish("events.x", b"1")
        [delivery] = await anext(NatsConsumer(connection).deliveries(1))
        created = (await stream.stream_info(INBOX_STREAM)).created
        assert created is not None
        assert delivery.position == f"{INBOX_STREAM}/{created.isoformat()}/1"


async def test_settling_while_it_is_away_says_so(server: EmbeddedNats):
    await server.start()
    async with link(server.url) as connection:
        await (await connection.jetstream()).publish("events.x", b"1")
        [delivery] = await anext(NatsConsumer(connection).deliveries(1))
        await connection.forget()
        for settled in (delivery.retry(timedelta()), delivery.dead("x"), delivery.ack()):
            with pytest.raises(UnavailableError):
                await settled


async def test_a_link_that_was_made_anew_is_not_dropped_for_the_old_one(server: EmbeddedNats):
    await server.start()
    async with link(server.url) as connection:
        old = await connection.jetstream()
        await connection.forget(old)
        new = await connection.jetstream()
        await connection.forget(old)
        assert await connection.jetstream() is new
        await new.account_info()


async def test_readiness_warns_of_a_server_that_keeps_messages_in_memory_first(tmp_path: Path):
    for durable, expected in ((True, None), (False, "sync_interval: always")):
        path = tmp_path / str(durable)
        path.mkdir()
        async with locked(path) as data:
            ports = choose_ports(["nats", "monitor"], demanded={}, preferred={})
            server = EmbeddedNats(
                data, ports["nats"], monitor_port=ports["monitor"], durable=durable
            )
            settings = NatsSettings(server.url, monitor_url=server.monitor_url)
            warning = await NatsConnection(settings).durability_warning()
            assert "not known" in str(warning)
            await server.start()
            try:
                warning = await NatsConnection(settings).durability_warning()
            finally:
                await server.process.stop()
            if expected is None:
                assert warning is None
            else:
                assert expected in str(warning)
                assert "not known" not in str(warning)


async def test_what_is_not_known_is_a_warning_too(nats_url: str):
    warning = await NatsConnection(NatsSettings(nats_url)).durability_warning()
    assert "no monitoring address" in str(warning)
    assert "sync_interval: always" in str(warning)
