"""Records that cannot be read as Kafka has it become dead letters, and block nothing."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

import aiokafka.codec
import pytest
from aiokafka import AIOKafkaProducer
from tests.brokers.kafka import KafkaServer
from tests.brokers.kafka_raw import ZSTD, Raw, log_of, overwrite, send_batch
from tests.brokers.kafka_topics import committed, make_topic, send
from tests.unit.memory_system import MemorySystem, event

from activity_core.adapters.kafka import salvage
from activity_core.adapters.kafka.connection import KafkaConnection
from activity_core.adapters.kafka.consumer import KafkaConsumer
from activity_core.adapters.kafka.delivery import KafkaDelivery
from activity_core.adapters.kafka.settings import KafkaSettings
from activity_core.adapters.memory.refusals import MemoryRefusals
from activity_core.adapters.memory.secrets import MemoryKeySets, MemorySecrets
from activity_core.core.definition.event_source import EventSource
from activity_core.ports.broker import UNREADABLE
from activity_core.services.burial import Burial
from activity_core.services.gate import Gate
from activity_core.services.intake import Intake
from activity_core.services.message_reader import MessageReader
from activity_core.services.refusal_log import RefusalLog
from activity_core.services.verifier import Verifier

BAD_NAME = b"caf\xe9"
_numbers = count(1)


@dataclass
class Shop:
    """A topic, and somebody who reads it."""

    server: KafkaServer
    connection: KafkaConnection
    topic: str = field(default_factory=lambda: f"broken-{next(_numbers)}")

    @property
    def consumer(self) -> KafkaConsumer:
        return KafkaConsumer(self.connection, group=self.topic, topics=[self.topic])

    async def send(self, *records: Raw, codec: int = 0) -> None:
        await send_batch(self.server.address, self.topic, records, codec=codec)

    async def receive(self, number: int, *, batch: int = 10) -> Sequence[KafkaDelivery]:
        """The next so many, settled one by one as they come."""
        found: list[KafkaDelivery] = []
        async with asyncio.timeout(30), aclosing(self.consumer.deliveries(batch)) as batches:  # type: ignore[type-var]
            while len(found) < number:
                for delivery in await anext(batches):
                    await delivery.ack()
                    found.append(delivery)
        return found

    async def committed(self) -> int:
        return sum((await committed(self.server.address, self.topic)).values())


@pytest.fixture
async def shop(kafka_server: KafkaServer) -> AsyncIterator[Shop]:
    connection = KafkaConnection(KafkaSettings(kafka_server.address))
    shop = Shop(kafka_server, connection)
    await make_topic(kafka_server.address, shop.topic)
    yield shop
    await connection.forget()


def good(body: bytes) -> Raw:
    return body, [(b"n", b"1")]


def bad(body: bytes) -> Raw:
    return body, [(b"n", b"1"), (BAD_NAME, b"2")]


def offsets(deliveries: Sequence[KafkaDelivery]) -> list[int]:
    return [int(delivery.position.rpartition("/")[2]) for delivery in deliveries]


async def test_it_is_buried_and_what_is_around_it_arrives(shop: Shop):
    structured = [(b"content-type", b"application/cloudevents+json")]
    bodies = [json.dumps(event(id_=f"o-{number}")).encode() for number in range(6)]
    for number, body in enumerate(bodies):
        ill = [(BAD_NAME, b"x")] if number in {2, 3} else []
        await shop.send((body, [*structured, *ill]))
    system = MemorySystem()
    running = asyncio.ensure_future(_intake(shop, system).step())
    async with asyncio.timeout(30):
        while await shop.committed() < len(bodies):
            assert not running.done(), running
    running.cancel()
    await asyncio.wait([running])
    assert await system.inbox.depth() == 4
    letters = list(system.state.tables.dead_letters.values())
    assert [(letter.code, letter.source_id) for letter in letters] == [("unreadable", "shop")] * 2
    assert [letter.body for letter in letters] == bodies[2:4]
    assert letters[0].headers["caf\\xe9"] == "x"
    assert "the name of a header is not UTF-8: b'caf\\xe9'" in letters[0].message


@pytest.mark.parametrize("codec", [0, ZSTD])
@pytest.mark.parametrize("batch", [1, 2, 10])
async def test_in_the_midst_of_a_batch(shop: Shop, codec: int, batch: int):
    records = [good(b"0" * 99), bad(b"1" * 99), good(b"2" * 99), bad(b"3" * 99), good(b"4" * 99)]
    await shop.send(*records, codec=codec)
    await shop.send(good(b"5"))
    found = await shop.receive(6, batch=batch)
    assert [delivery.body[:1] for delivery in found] == [b"%d" % n for n in range(6)]
    assert offsets(found) == [*range(6)]
    assert [n for n in range(6) if UNREADABLE in found[n].headers] == [1, 3]
    assert found[2].headers == {"n": "1"}
    assert await shop.committed() == 6


async def test_nothing_is_lost_of_the_other_partitions(shop: Shop):
    """aiokafka forgets what it had of them when it raises."""
    shop.topic = f"{shop.topic}-wide"
    await make_topic(shop.server.address, shop.topic, partitions=3)
    sent = []
    for number in range(10):
        sent += [b"bad %d" % number, *(b"%d.%d" % (number, n) for n in range(9))]
        await shop.send(bad(sent[-10]))
        await send(shop.server.address, shop.topic, *sent[-9:])
    assert sorted([delivery.body for delivery in await shop.receive(100)]) == sorted(sent)
    assert await shop.committed() == 100


async def test_a_compression_that_nobody_here_knows(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    await shop.send(good(b"0"))
    await shop.send(good(b"1" * 99), good(b"2" * 99), codec=ZSTD)
    await shop.send(good(b"3"))
    monkeypatch.setattr(aiokafka.codec, "cramjam", None)
    first, lost, last = await shop.receive(3)
    assert (first.body, last.body, offsets([lost])) == (b"0", b"3", [2])
    assert "Libraries for zstd compression codec not found" in lost.headers[UNREADABLE]
    assert b"\x28\xb5\x2f\xfd" in lost.body  # whoever knows it can still read it
    assert await shop.committed() == 4


async def test_a_damaged_log(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(salvage, "PAUSE", 0.01)
    for body in (b"before", b"damaged", b"after"):
        await shop.send(good(body))
    overwrite(log_of(shop.server, shop.topic), b"damaged", b"DAMAGED")
    before, lost, after = await shop.receive(3)
    assert (before.body, after.body) == (b"before", b"after")
    assert b"DAMAGED" in lost.body
    assert lost.headers[UNREADABLE].endswith("its checksum is wrong")
    assert await shop.committed() == 3


async def test_damage_on_the_way_is_no_reason_to_give_up(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(salvage, "PAUSE", 0.01)
    await shop.send(good(b"damaged"))
    log = log_of(shop.server, shop.topic)
    overwrite(log, b"damaged", b"DAMAGED")
    looks = count()

    def is_intact(data: bytes) -> bool:
        if next(looks) == 1:
            overwrite(log, b"DAMAGED", b"damaged")
        return b"DAMAGED" not in data

    monkeypatch.setattr(salvage, "is_intact", is_intact)
    [delivery] = await shop.receive(1)
    assert (delivery.body, delivery.headers) == (b"damaged", {"n": "1"})


async def test_what_was_aborted_stays_so(shop: Shop):
    producer = AIOKafkaProducer(bootstrap_servers=shop.server.address, transactional_id=shop.topic)
    await producer.start()
    for body, ending in ((b"0", "abort"), (b"1", "commit")):
        await producer.begin_transaction()
        await producer.send_and_wait(shop.topic, body)
        await getattr(producer, f"{ending}_transaction")()
    await producer.stop()
    await shop.send(bad(b"2"))
    assert [delivery.body for delivery in await shop.receive(2)] == [b"1", b"2"]


def _intake(shop: Shop, system: MemorySystem) -> Intake:
    source = EventSource.model_validate(
        {"kind": "source", "id": "shop", "kafka": {"topics": [shop.topic]}}
    )
    return Intake(
        shop.consumer,
        MessageReader(Verifier(MemorySecrets({}), MemoryKeySets({})), max_depth=64, max_events=100),
        Gate(system.registry_store, system.clock, unlisted=True),
        system.ingest,
        Burial(
            system.dead_letters,
            RefusalLog(MemoryRefusals(system.state), system.clock),
            system.clock,
        ),
        clock=system.clock,
        protocol="kafka",
        source=source,
        horizon=timedelta(days=36_500),
    )
