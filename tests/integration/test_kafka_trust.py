"""TLS, SASL and ACLs of a real Kafka: who is refused, and how it is said."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from tests.brokers.kafka import KafkaServer, running_kafka
from tests.brokers.kafka_security import Security, self_signed
from tests.brokers.kafka_topics import make_topic, send

from activity_core.adapters.kafka.connection import KafkaConnection
from activity_core.adapters.kafka.consumer import KafkaConsumer
from activity_core.adapters.kafka.publisher import EVENTS_TOPIC, KafkaPublisher
from activity_core.adapters.kafka.settings import KafkaSettings, Mechanism, Sasl, Tls
from activity_core.core.errors import ConfigurationError, UnavailableError

ROOT = Path(__file__).parents[2]
USERS = {"activity-core": "correct-horse", "stranger": "hello"}
ME = Sasl("activity-core", "correct-horse")


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KafkaServer]:
    """A server that asks who we are, with the ACLs of `deploy/` and a topic that they leave out."""
    path = tmp_path_factory.mktemp("kafka")
    certificate, key = self_signed()
    (path / "ca.pem").write_text(certificate)
    async with running_kafka(path, Security(USERS, certificate, key)) as server:
        for topic in ("shop.orders", "payroll", EVENTS_TOPIC):
            await make_topic(server.address, topic)
            await send(server.address, topic, b"there")
        await apply_acls(server, path)
        yield server


async def apply_acls(server: KafkaServer, path: Path) -> None:
    """Run the script of `deploy/`, with Kafka's command under the name that it has there."""
    command = path / "kafka-acls.sh"
    command.write_text(
        f'#!/bin/sh\nexec {server.command("org.apache.kafka.tools.AclCommand")} "$@"'
    )
    command.chmod(0o755)
    (path / "admin.properties").touch()
    process = await asyncio.create_subprocess_exec(
        "sh",
        str(ROOT / "deploy/brokers/kafka/acls.sh"),
        env={
            **os.environ,
            "PATH": f"{path}:{os.environ['PATH']}",
            "KAFKA": server.address,
            "ADMIN": str(path / "admin.properties"),
            "SOURCE": "shop",
            "TOPICS": "shop.orders",
        },
    )
    assert await process.wait() == 0


@pytest.fixture
async def mine(server: KafkaServer) -> AsyncIterator[KafkaConnection]:
    connection = KafkaConnection(KafkaSettings(server.secured, sasl=ME))
    yield connection
    await connection.forget()


async def first(connection: KafkaConnection, *, group: str, topic: str) -> bytes:
    consumer = KafkaConsumer(connection, group=group, topics=[topic])
    async with asyncio.timeout(30), aclosing(consumer.deliveries(1)) as batches:  # type: ignore[type-var]
        [delivery] = await anext(batches)
        await delivery.ack()
    return delivery.body


async def test_what_the_acls_allow_works(mine: KafkaConnection):
    await mine.check()
    assert await first(mine, group="activity-core-main-shop", topic="shop.orders") == b"there"
    publisher = KafkaPublisher(mine)
    await publisher.publish("e1", "a.b", b"{}", key="k")
    await publisher.close()


async def test_another_topic_may_not_be_read(mine: KafkaConnection):
    with pytest.raises(UnavailableError, match=r"Kafka topic payroll: .* does not let us see it"):
        await first(mine, group="activity-core-main-shop", topic="payroll")


async def test_our_events_may_not_be_read_back(mine: KafkaConnection):
    with pytest.raises(UnavailableError, match=rf"(?s)may not .*{EVENTS_TOPIC}"):
        await first(mine, group="activity-core-main-shop", topic=EVENTS_TOPIC)


async def test_another_group_may_not_be_joined(mine: KafkaConnection):
    with pytest.raises(UnavailableError, match=r"may not use the consumer group .*payroll"):
        await first(mine, group="payroll", topic="shop.orders")


async def test_the_topic_of_a_source_may_not_be_written(mine: KafkaConnection):
    publisher = KafkaPublisher(mine, topic="shop.orders")
    with pytest.raises(UnavailableError, match=r"(?s)may not .*shop\.orders"):
        await publisher.publish("e1", "a.b", b"{}", key="k")
    await publisher.close()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_each_mechanism_lets_us_in_with_the_right_password_only(
    server: KafkaServer, mechanism: Mechanism
):
    right = KafkaConnection(
        KafkaSettings(server.secured, sasl=Sasl("stranger", "hello", mechanism))
    )
    await right.check()
    await right.forget()
    wrong = KafkaConnection(KafkaSettings(server.secured, sasl=Sasl("stranger", "helo", mechanism)))
    with pytest.raises(UnavailableError, match="does not let us in") as refused:
        await wrong.check()
    assert "helo" not in str(refused.value) + repr(refused.value.__cause__)


async def test_tls_trusts_who_it_is_told_to(server: KafkaServer):
    ca = str(server.directory.path / "ca.pem")
    trusting = KafkaConnection(KafkaSettings(server.encrypted, sasl=ME, tls=Tls(ca=ca)))
    publisher = KafkaPublisher(trusting)
    await publisher.publish("e2", "a.b", b"{}", key="k")
    await publisher.close()
    await trusting.forget()
    careful = KafkaConnection(KafkaSettings(server.encrypted, sasl=ME, tls=Tls()))
    with pytest.raises(UnavailableError, match=r"(?i)certificate"):
        await careful.check()


def test_files_of_tls_that_cannot_be_used_are_named(tmp_path: Path):
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(ConfigurationError, match=name):
            KafkaConnection(KafkaSettings("127.0.0.1:1", tls=Tls(ca=str(tmp_path / name))))


def test_passwords_are_not_shown():
    assert "correct-horse" not in repr(KafkaSettings("127.0.0.1:1", sasl=ME))
