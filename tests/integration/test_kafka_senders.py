"""Messages of senders that are not ours: Kafka's own console producer, in every compression."""

from contextlib import aclosing

import pytest
from tests.brokers.kafka import KafkaServer
from tests.brokers.kafka_topics import make_topic

from activity_core.adapters.kafka.connection import KafkaConnection
from activity_core.adapters.kafka.consumer import KafkaConsumer
from activity_core.adapters.kafka.settings import KafkaSettings
from activity_core.core.event.binding import decode_message
from activity_core.services.intake import message_of

BINARY = (
    "ce_specversion:1.0,ce_id:7,ce_type:shop.paid,ce_source:/shop,content-type:application/json"
    '\torder-7\t{"amount": 7}'
)


@pytest.mark.parametrize("compression", ["none", "gzip", "lz4", "snappy", "zstd"])
async def test_an_event_of_the_console_producer(kafka_server: KafkaServer, compression: str):
    topic = f"console-{compression}"
    await make_topic(kafka_server.address, topic)
    await kafka_server.console_producer(topic, [BINARY], "--compression-codec", compression)
    connection = KafkaConnection(KafkaSettings(kafka_server.address))
    consumer = KafkaConsumer(connection, group=topic, topics=[topic])
    async with aclosing(consumer.deliveries(1)) as batches:  # type: ignore[type-var]
        [delivery] = await anext(batches)
    await connection.forget()
    event = decode_message(message_of(delivery, "kafka"), protocol="kafka", max_depth=10)
    assert (event.id, event.type, event.source) == ("7", "shop.paid", "/shop")
    assert event.data == {"amount": 7}
