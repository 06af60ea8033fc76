"""Events out to Kafka: confirmed by all replicas in sync, in order per key.

A topic of their own; who reads it tells repetitions by `ce_id`, which is stable.
"""

import asyncio

import structlog
from aiokafka import AIOKafkaProducer

from activity_core.adapters.kafka.connection import TROUBLE, KafkaConnection, unavailable
from activity_core.adapters.kafka.settings import ANSWER_WITHIN

log = structlog.get_logger(__name__)

EVENTS_TOPIC = "activity-core.events"
CONTENT_TYPE = b"application/cloudevents+json; charset=UTF-8"


class KafkaPublisher:
    """Publishes to the outbound topic, with a producer that is made when first needed."""

    def __init__(self, connection: KafkaConnection, *, topic: str = EVENTS_TOPIC) -> None:
        self._connection = connection
        self._topic = topic
        self._producer: AIOKafkaProducer | None = None
        self._lock = asyncio.Lock()

    async def publish(self, event_id: str, event_type: str, body: bytes, *, key: str) -> None:
        """Returns once all replicas in sync have it.

        Raises:
            UnavailableError: not confirmed.
        """
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                producer = await self._started()
                await producer.send_and_wait(
                    self._topic,
                    body,
                    key=key.encode() if key else None,
                    headers=[
                        ("content-type", CONTENT_TYPE),
                        ("ce_id", event_id.encode()),
                        ("ce_type", event_type.encode()),
                    ],
                )
        except TROUBLE as error:
            # A batch that may still be on its way must not come after the next attempt's.
            await self._drop(producer)
            raise unavailable(error) from error

    async def close(self) -> None:
        """Drop the producer; the next use makes another."""
        await self._drop(self._producer)

    async def _started(self) -> AIOKafkaProducer:
        async with self._lock:
            if self._producer is None:
                # Asked first: it says why the cluster, or the topic, is not to be had.
                await self._connection.incarnations([self._topic])
                producer = AIOKafkaProducer(
                    **self._connection.options, acks="all", enable_idempotence=True
                )
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def _drop(self, producer: AIOKafkaProducer | None) -> None:
        if producer is None:
            return
        if self._producer is producer:
            self._producer = None
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await producer.stop()
        except TROUBLE as error:
            log.info("kafka_close", error=repr(error))
