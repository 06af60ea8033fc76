"""Events out to Kafka: confirmed by all replicas in sync, in order per key.

A topic of their own; who reads it tells repetitions by `ce_id`, which is stable.
"""

import asyncio

from aiokafka import AIOKafkaProducer

from activity_core.adapters.kafka.connection import TROUBLE, KafkaConnection, unavailable
from activity_core.adapters.kafka.settings import ANSWER_WITHIN

EVENTS_TOPIC = "activity-core.events"
CONTENT_TYPE = b"application/cloudevents+json; charset=UTF-8"
MOST_BYTES = 64 << 20
"""More than any topic takes: its own limit is the one that operators know and can raise."""


LARGE = 1_000_000
"""Bytes of a body that topics may refuse: by default they take 1 MiB, with all that is around it.

A refusal ends the order of its producer, with all that others have under way there; hence one of
its own for each of these.
"""


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
        stays = False
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                producer = await (self._shared() if len(body) < LARGE else self._made())
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
                stays = producer is self._producer
        except TROUBLE as error:
            raise unavailable(error) from error
        finally:
            if producer is not None and not stays:
                await self._drop(producer)

    async def close(self) -> None:
        """Drop the producer; the next use makes another."""
        if self._producer is not None:
            await self._drop(self._producer)

    async def _shared(self) -> AIOKafkaProducer:
        async with self._lock:
            if self._producer is None:
                self._producer = await self._made()
            return self._producer

    async def _made(self) -> AIOKafkaProducer:
        # Asked first: it says why the cluster, or the topic, is not to be had.
        await self._connection.incarnations([self._topic])
        producer = AIOKafkaProducer(
            **self._connection.options,
            acks="all",
            enable_idempotence=True,
            max_request_size=MOST_BYTES,
        )
        try:
            await producer.start()
        except BaseException:
            await self._drop(producer)
            raise
        return producer

    async def _drop(self, producer: AIOKafkaProducer) -> None:
        """End it with all it still has to send, or that would come after its own repetition.

        aiokafka's `stop` sends it first, however long that takes.
        """
        if self._producer is producer:
            self._producer = None
        producer._closed = True  # noqa: SLF001 - or it warns that it was not stopped
        ends = (producer._sender.close(), producer.client.close())  # noqa: SLF001 - as `stop` does
        await asyncio.wait([asyncio.ensure_future(end) for end in ends], timeout=ANSWER_WITHIN)
