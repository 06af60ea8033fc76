"""Reading on where aiokafka cannot: the same records, and the unreadable ones among them.

In: `member`'s question, once aiokafka has raised. Out: records, and the offset to go on from.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.errors import (
    CorruptRecordException,
    LeaderNotAvailableError,
    UnsupportedCodecError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition

from activity_core.adapters.kafka.connection import KafkaConnection
from activity_core.adapters.kafka.tolerant import TolerantRecords, is_intact
from activity_core.adapters.kafka.unsettled import Record

DECODING = (CorruptRecordException, UnsupportedCodecError)
"""What aiokafka says itself of records that it cannot read; its codecs raise anything."""
FETCHES = 5
"""Times that damaged bytes are asked for, until it is believed that the log itself is damaged."""
PAUSE = 1.0
"""Seconds between them."""
MOST_BYTES = 1 << 20
"""Of an answer; a batch that is larger comes whole."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Of a partition's log. `aborted`: transactions, as (producer, first offset)."""

    data: bytes
    aborted: Sequence[tuple[int, int]]
    end: int


async def salvaged(
    connection: KafkaConnection, partition: TopicPartition, offset: int, most: int
) -> tuple[Sequence[Record], int]:
    """The next records from the offset on, at most so many, and the offset behind them.

    Raises:
        UnavailableError: the cluster does not answer, or with an error.
    """
    piece = await connection.ask(partial(_fetch, partition=partition, offset=offset))
    for _ in range(FETCHES - 1):
        if is_intact(piece.data):
            break
        await asyncio.sleep(PAUSE)
        piece = await connection.ask(partial(_fetch, partition=partition, offset=offset))
    records = PartitionRecords(
        partition,
        TolerantRecords(piece.data, offset, piece.end),
        piece.aborted,
        offset,
        key_deserializer=None,
        value_deserializer=None,
        check_crcs=False,
        isolation_level=READ_COMMITTED,
    )
    return list(islice(records, most)), records.next_fetch_offset


async def _fetch(client: AIOKafkaClient, partition: TopicPartition, offset: int) -> _Piece:
    topic, number = partition
    await client.add_topic(topic)
    leader = client.cluster.leader_for_partition(partition)
    if leader in {None, -1}:
        raise LeaderNotAvailableError(topic)
    question = [(topic, [(number, offset, MOST_BYTES)])]
    answer = await client.send(leader, FetchRequest(0, 0, MOST_BYTES, READ_COMMITTED, question))
    [found] = answer.to_object()["topics"][0]["partitions"]
    error = for_code(found["error_code"])
    if error.errno:
        raise error(topic)
    return _Piece(
        data=found["message_set"] or b"",
        aborted=[tuple(each.values()) for each in found["aborted_transactions"] or ()],
        end=found["highwater_offset"],
    )
