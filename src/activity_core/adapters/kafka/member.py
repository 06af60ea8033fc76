"""A member of a consumer group, which commits what is settled and no more.

In: records of the partitions that the group gives it. Out: deliveries for `consumer`; what is
settled moves the watermark of its partition (`unsettled`), and that is what is committed, about
once a second, before partitions go to another member, and at the end. After a crash the rest comes
again.
"""

import asyncio
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import TopicPartition

from activity_core.adapters.kafka.connection import TROUBLE, KafkaConnection
from activity_core.adapters.kafka.delivery import KafkaDelivery
from activity_core.adapters.kafka.salvage import DECODING, salvaged
from activity_core.adapters.kafka.settings import ANSWER_WITHIN
from activity_core.adapters.kafka.unsettled import Handed, Record, Unsettled
from activity_core.core.errors import UnavailableError

log = structlog.get_logger(__name__)

MOST_UNSETTLED = 1_000
"""Messages of one member that are handed out or wait for a retry; no more are fetched beyond."""
FETCH_BYTES = 8 << 20
LOOK_EVERY = 1.0
"""Seconds between two looks at the cluster, each with a commit if there is anything to commit."""
SESSION = 10.0
"""Seconds of silence after which the group gives a member's partitions to others."""
HEARTBEAT = 1.0


class Member(ConsumerRebalanceListener):
    """One membership in the group, from joining to leaving."""

    def __init__(self, connection: KafkaConnection, group: str, topics: Sequence[str]) -> None:
        self._connection = connection
        self._topics = topics
        self._consumer = AIOKafkaConsumer(
            **connection.options,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
            fetch_max_bytes=FETCH_BYTES,
            session_timeout_ms=int(SESSION * 1000),
            heartbeat_interval_ms=int(HEARTBEAT * 1000),
        )
        self._unsettled = Unsettled()
        self._incarnations: Mapping[str, str] = {}
        self._loop = asyncio.get_running_loop()
        self._next_look = self._loop.time() + LOOK_EVERY
        self._settled = asyncio.Event()
        self._turns = 0

    async def join(self) -> None:
        """Begin; the group gives us partitions a little later.

        Raises:
            UnavailableError: Kafka is away, or has not the topics for us.
        """
        self._incarnations = await self._connection.incarnations(self._topics)
        await self._consumer.start()
        self._consumer.subscribe(self._topics, listener=self)

    async def take(self, batch: int) -> Sequence[KafkaDelivery]:
        """What is due again, then what is new; empty when nothing came for a while."""
        if self._loop.time() >= self._next_look:
            await self._commit()
            self._next_look = self._loop.time() + LOOK_EVERY
        due = self._unsettled.due(self._loop.time(), batch)
        room = min(batch - len(due), MOST_UNSETTLED - len(self._unsettled))
        patience = 0.0 if due else self._patience()
        new: Sequence[Handed] = []
        if room > 0:
            new = await self._fetch(room, patience)
        elif not due:
            await self._wait(patience)
        return [
            KafkaDelivery(handed, self._incarnations[handed.record.topic], self)
            for handed in (*due, *new)
        ]

    def settle(self, handed: Handed) -> None:
        """`delivery.Desk`: nothing is left to do with it."""
        self._unsettled.settle(handed)
        self._settled.set()

    def give_back(self, handed: Handed, delay: timedelta) -> None:
        """`delivery.Desk`: hand it out again, after the delay."""
        self._unsettled.give_back(handed, self._loop.time() + delay.total_seconds())
        self._settled.set()

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Another member may get them: it must not get what is settled."""
        await self._commit_if_possible()
        self._unsettled.lose(revoked)

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """They begin where the group has committed them; there is nothing to prepare."""

    async def leave(self) -> None:
        """Commit, and let the others have the partitions at once."""
        if self._consumer.assignment():
            await self._commit_if_possible()
        self._unsettled.lose_all()
        await _stop(self._consumer)

    def _patience(self) -> float:
        """Seconds until there is something else to do than to wait for messages."""
        due = self._unsettled.next_due()
        until = self._next_look if due is None else min(self._next_look, due)
        return max(until - self._loop.time(), 0.0)

    async def _wait(self, patience: float) -> None:
        self._settled.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._settled.wait()

    async def _fetch(self, room: int, patience: float) -> Sequence[Handed]:
        try:
            # While the group rebalances, `getmany` forgets its own timeout.
            async with asyncio.timeout(patience + LOOK_EVERY):
                found = await self._consumer.getmany(
                    timeout_ms=int(patience * 1000), max_records=room
                )
        except TimeoutError:
            return []
        except Exception as error:
            if isinstance(error, KafkaError) and not isinstance(error, DECODING):
                raise
            log.warning("kafka_unreadable", topics=self._topics, error=str(error))
            if salvage := await self._fetch_tolerantly(room):
                return salvage
            raise
        handed: list[Handed] = []
        for partition, records in found.items():
            handed += self._hand_out(partition, records)
        return handed

    async def _fetch_tolerantly(self, room: int) -> Sequence[Handed]:
        """From all partitions: aiokafka does not say which of them has what it cannot read.

        And it has forgotten what it had of the others: each is read on from what was handed out.
        """
        handed: list[Handed] = []
        partitions = deque(sorted(self._consumer.assignment()))
        self._turns += 1
        partitions.rotate(self._turns)  # or a full one would always take all the room
        for partition in partitions:
            async with asyncio.timeout(ANSWER_WITHIN):
                offset = await self._next_offset(partition)
            records: Sequence[Record] = ()
            if len(handed) < room:
                records, offset = await salvaged(
                    self._connection, partition, offset, room - len(handed)
                )
            self._consumer.seek(partition, offset)  # raises if it is another's by now
            handed += self._hand_out(partition, records)
        return handed

    async def _next_offset(self, partition: TopicPartition) -> int:
        begins: Mapping[TopicPartition, int] = await self._consumer.beginning_offsets([partition])
        reached = self._unsettled.end(partition)
        if reached is None:
            reached = await self._consumer.committed(partition)
        return max(reached or 0, begins[partition])

    def _hand_out(self, partition: TopicPartition, records: Sequence[Record]) -> Sequence[Handed]:
        if records and not self._unsettled.goes_on(partition, records[0].offset):
            self._unsettled.lose_all()
            raise UnavailableError(
                f"its offsets begin anew at {records[0].offset}",
                subject=f"Kafka topic {partition.topic}",
            )
        return [self._unsettled.hand_out(partition, record) for record in records]

    async def _commit(self) -> None:
        """Look whether the cluster is there and the topics are the same; then commit.

        Offsets of a topic that was deleted must not be committed for its namesake.
        """
        if await self._connection.incarnations(self._topics) != self._incarnations:
            self._unsettled.lose_all()
            raise UnavailableError("a topic was made anew", subject=f"Kafka {self._topics}")
        if offsets := self._unsettled.reached():
            try:
                async with asyncio.timeout(ANSWER_WITHIN):
                    await self._consumer.commit(dict(offsets))
            except (CommitFailedError, IllegalStateError) as error:
                # The group rebalanced meanwhile: whoever has the partition gets them again.
                log.info("kafka_not_committed", error=repr(error))
            else:
                self._unsettled.committed(offsets)

    async def _commit_if_possible(self) -> None:
        try:
            await self._commit()
        except (UnavailableError, *TROUBLE) as error:
            log.info("kafka_not_committed", error=repr(error))


async def _stop(consumer: AIOKafkaConsumer) -> None:
    """Leave the group and close all connections.

    aiokafka's `stop` ends half-way when a fetch is just waiting to be tried again: the fetch's
    CancelledError comes out of it, hence a task of its own.
    """
    stopping = asyncio.ensure_future(consumer.stop())
    await asyncio.wait([stopping], timeout=ANSWER_WITHIN)
    stopping.cancel()
    await asyncio.wait([stopping])
    if stopping.cancelled() or stopping.exception():
        log.info("kafka_leave", error="the group was not told")
        await consumer._client.close()  # noqa: SLF001 - there is no other way to it
