"""The example of narrow permissions: what it allows works, everything else is refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from nats.aio.client import Client
from tests.brokers.nats import Files, NatsServer, certified, nats_server

from activity_core.adapters.nats.connection import NatsConnection
from activity_core.adapters.nats.consumer import NatsConsumer
from activity_core.adapters.nats.publisher import NatsPublisher
from activity_core.adapters.nats.settings import NatsSettings, access_of
from activity_core.adapters.nats.streams import EVENTS_STREAM, INBOX_STREAM
from activity_core.core import ids
from activity_core.core.definition.event_source import NatsWay
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.errors import UnavailableError

EXAMPLE = Path(__file__).parents[2] / "deploy" / "brokers" / "nats"
USERS = ("operator", "shop", "ingest", "relay")


@dataclass(frozen=True)
class Place:
    server: NatsServer
    files: Files

    def settings(self, user: str, password: str = "") -> NatsSettings:
        return NatsSettings(
            f"tls://{user}:{password or word(user)}@{self.server.address}",
            tls_ca=str(self.files.authority),
            monitor_url=self.server.monitor_url,
            make_streams=user == "operator",
            inbox_prefix=f"_INBOX.{user}",
        )

    @asynccontextmanager
    async def link(self, user: str, password: str = "") -> AsyncIterator[NatsConnection]:
        connection = NatsConnection(self.settings(user, password))
        yield connection
        await connection.forget()

    @asynccontextmanager
    async def client(self, user: str) -> AsyncIterator["Watched"]:
        """A client that is not ours."""
        watched = Watched()
        await watched.open(self.settings(user))
        yield watched
        await watched.client.close()


class Watched:
    def __init__(self) -> None:
        self.client = Client()
        self.refusals: list[str] = []

    async def open(self, settings: NatsSettings) -> None:
        async def note(error: Exception) -> None:
            self.refusals.append(str(error).lower())

        await self.client.connect(**access_of(settings).options, error_cb=note)

    async def may_publish(self, subject: str) -> bool:
        return await self._is_let(self.client.publish(subject, b"{}", reply="_INBOX.nobody"))

    async def may_listen(self, subject: str) -> bool:
        return await self._is_let(self.client.subscribe(subject))

    async def _is_let(self, attempt) -> bool:
        self.refusals.clear()
        await attempt
        for _ in range(2):  # the client lets the first ping overtake; the server answers in order
            await self.client.flush()
        return not any("permissions violation" in refusal for refusal in self.refusals)


def word(user: str) -> str:
    return f"secret-of-{user}"


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """The server of the example, its streams and its durable made by the operator."""
    directory = tmp_path_factory.mktemp("nats")
    files = certified(directory)
    environment = {
        "NATS_STORE": str(directory / "store"),
        "NATS_CERT": str(files.certificate),
        "NATS_KEY": str(files.key),
        **{f"{user.upper()}_PASSWORD": word(user) for user in USERS},
    }
    config = EXAMPLE / "nats-server.conf"
    async with nats_server(directory / "data", config, environment) as server:
        made = Place(server, files)
        async with made.link("operator") as connection:
            consumer = shop_consumer(connection)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await anext(consumer.deliveries(1))
        yield made


def shop_consumer(connection: NatsConnection) -> NatsConsumer:
    """As for the source of the example."""
    text = (EXAMPLE / "shop.yaml").read_text()
    [source] = parse_definitions(text, file="shop.yaml").sources
    way = source.nats_
    assert isinstance(way, NatsWay)
    return NatsConsumer(
        connection,
        durable=ids.consumer_name("main", source.id),
        stream=way.stream,
        subjects=way.subjects,
    )


async def test_an_event_goes_its_way(place: Place):
    async with place.client("shop") as shop:
        answer = await shop.client.jetstream().publish("events.shop.paid", b"{}")
        assert answer.stream == INBOX_STREAM
    async with place.link("ingest") as connection:
        await connection.check()
        [delivery] = await anext(shop_consumer(connection).deliveries(10))
        assert delivery.subject == "events.shop.paid"
        await delivery.ack()
        await (await connection.jetstream()).account_info()  # behind the acknowledgement
    async with place.link("operator") as connection:
        stream = await connection.jetstream()
        assert (await stream.stream_info(INBOX_STREAM)).state.messages == 0
    async with place.link("relay") as connection:
        await connection.check()
        publisher = NatsPublisher(connection)
        await publisher.publish("e1", "activity-core.run.completed.v1", b"{}", key="k")
        await publisher.publish("e2", "shop.mail.sent", b"{}", key="k")
    async with place.link("operator") as connection:
        stream = await connection.jetstream()
        assert (await stream.stream_info(EVENTS_STREAM)).state.messages == 2


@pytest.mark.parametrize(
    ("user", "allowed", "refused"),
    [
        ("shop", ["events.shop.x"], ["events.billing.x", "events", "emitted.x"]),
        ("ingest", [], ["events.shop.x", "emitted.x", "activity-core.x"]),
        ("relay", ["emitted.x", "activity-core.x"], ["events.shop.x"]),
    ],
)
async def test_who_may_publish_what(
    place: Place, user: str, allowed: list[str], refused: list[str]
):
    async with place.client(user) as client:
        for subject in allowed:
            assert await client.may_publish(subject)
        others = [
            *refused,
            f"$JS.API.STREAM.CREATE.{EVENTS_STREAM}",
            f"$JS.API.STREAM.DELETE.{INBOX_STREAM}",
            f"$JS.API.STREAM.PURGE.{INBOX_STREAM}",
            f"$JS.API.STREAM.MSG.GET.{INBOX_STREAM}",
            f"$JS.API.CONSUMER.CREATE.{INBOX_STREAM}",
            f"$JS.API.CONSUMER.DELETE.{INBOX_STREAM}.activity-core-main-shop",
            f"$JS.API.CONSUMER.MSG.NEXT.{INBOX_STREAM}.activity-core",
        ]
        for subject in others:
            assert not await client.may_publish(subject), subject


@pytest.mark.parametrize("user", ["shop", "ingest", "relay"])
async def test_who_may_listen_to_what(place: Place, user: str):
    async with place.client(user) as client:
        assert await client.may_listen(f"_INBOX.{user}.x")
        for subject in (">", "events.>", "_INBOX.>", "_INBOX.operator.>", "emitted.>"):
            assert not await client.may_listen(subject), subject


async def test_the_server_keeps_what_it_acknowledges(place: Place):
    assert await NatsConnection(place.settings("ingest")).durability_warning() is None


async def test_a_wrong_password_is_refused_and_not_shown(place: Place, capsys):
    async with place.link("ingest", "a-wrong-word") as connection:
        with pytest.raises(UnavailableError, match=r"(?i)authorization") as caught:
            await connection.check()
    assert "a-wrong-word" not in f"{caught.value!r} {connection!r} {capsys.readouterr()}"
