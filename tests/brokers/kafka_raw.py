"""Batches as no decent client would send them, and damage to what the server has stored."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import BrokerResponseError, for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBase, _DefaultRecordBatchBuilderPy
from aiokafka.structs import TopicPartition
from tests.brokers.kafka import KafkaServer

Raw = tuple[bytes, Sequence[tuple[bytes, bytes]]]
"""A body and headers."""
ZSTD = DefaultRecordBase.CODEC_ZSTD


class _Name(str):
    """The name of a header, written byte by byte."""

    __slots__ = ()

    def encode(self, *_: str) -> bytes:
        return super().encode("latin-1")


async def send_batch(address: str, topic: str, records: Iterable[Raw], *, codec: int = 0) -> None:
    """All of them in one batch of partition 0."""
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, 1 << 20)
    for number, (body, headers) in enumerate(records):
        builder.append(
            number, None, None, body, [(_Name(raw, "latin-1"), text) for raw, text in headers]
        )
    batch = bytes(builder.build())
    client = AIOKafkaClient(bootstrap_servers=address)
    try:
        await client.bootstrap()
        await client.set_topics([topic])
        while (error := await _produce(client, topic, batch)).retriable:
            await client.force_metadata_update()  # a new topic is not everywhere at once
        assert not error.errno, error
    finally:
        await client.close()


def log_of(server: KafkaServer, topic: str) -> Path:
    """The file of partition 0, as long as it has but one."""
    [path] = server.directory.path.glob(f"kafka/data/{topic}-0/*.log")
    return path


def overwrite(path: Path, old: bytes, new: bytes) -> None:
    """In place, and once."""
    place = path.read_bytes().index(old)
    assert len(old) == len(new)
    with path.open("r+b") as file:
        file.seek(place)
        file.write(new)


async def _produce(client: AIOKafkaClient, topic: str, batch: bytes) -> type[BrokerResponseError]:
    leader = client.cluster.leader_for_partition(TopicPartition(topic, 0))
    request = ProduceRequest(
        required_acks=-1,
        timeout=5_000,
        topics=[(topic, [(0, batch)])],
        transactional_id=None,
    )
    answer = await client.send(leader, request)
    [(_, [(_, code, *_)])] = answer.topics
    return for_code(code)
