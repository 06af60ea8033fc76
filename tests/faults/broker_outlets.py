"""Where events go out to each broker: somebody who keeps all of it, and what he has kept."""

from collections.abc import Sequence

from nats import connect
from tests.brokers.kafka_topics import make_topic
from tests.contract import broker_kafka, broker_rabbitmq
from tests.faults.broker_lines import KafkaLine, Line, NatsLine, RabbitmqLine
from tests.invariants import Published

from activity_core.adapters.kafka.publisher import EVENTS_TOPIC
from activity_core.adapters.nats.streams import EVENTS_STREAM
from activity_core.adapters.rabbitmq.connection import RabbitmqConnection
from activity_core.adapters.rabbitmq.publisher import EXCHANGE
from activity_core.adapters.rabbitmq.settings import RabbitmqSettings

LISTENER = "listener"


async def open_outlet(line: Line) -> None:
    """From now on, what goes out is kept; NATS keeps it anyway."""
    match line:
        case KafkaLine():
            await make_topic(line.server.address, EVENTS_TOPIC, partitions=broker_kafka._PARTITIONS)
        case RabbitmqLine():
            link = RabbitmqConnection(RabbitmqSettings(line.url))
            channel = await link.channel()
            await channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
            kind = {"x-queue-type": "quorum"}
            await channel.queue_declare(LISTENER, durable=True, arguments=dict(kind))
            await channel.queue_bind(LISTENER, EXCHANGE, "#")
            await link.forget()


async def heard(line: Line) -> Sequence[Published]:
    """Everything that went out, in order; of Kafka, in the order of each partition."""
    match line:
        case NatsLine():
            return await line.running.published()
        case KafkaLine():
            found = await broker_kafka._read(line.server.address, EVENTS_TOPIC)
            return [Published(each.event_id, each.body) for each in found]
        case RabbitmqLine():
            return await _drained(line)
    raise AssertionError(line)


async def forget(line: Line, event_type: str) -> None:
    """Of NATS, whose stream is the installation's: nothing there is not of its own outbox."""
    if isinstance(line, NatsLine):
        client = await connect(str(line.running.env["ACTIVITY_CORE_NATS_URL"]))
        await client.jetstream().purge_stream(EVENTS_STREAM, subject=event_type)
        await client.close()


async def _drained(line: RabbitmqLine) -> Sequence[Published]:
    link = RabbitmqConnection(RabbitmqSettings(line.url))
    channel = await link.channel()
    found = []
    while event := await broker_rabbitmq.taken(channel, LISTENER):
        found.append(Published(event.event_id, event.body))
    await link.forget()
    return found
