"""Batches of records as they are in the log, also those that aiokafka cannot read.

In: the bytes of an answer. Out: batches for aiokafka's `PartitionRecords`, which skips what was
aborted. A record that cannot be read as it should has a header `UNREADABLE` that says why; what can
be read of it is there too. Of a batch that cannot be taken apart, there is one record with its
bytes, in the place of the last one. No I/O here.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from aiokafka.record._protocols import DefaultRecordBatchProtocol as Batch
from aiokafka.record._protocols import LegacyRecordBatchProtocol as LegacyBatch
from aiokafka.record.default_records import DefaultRecordBase
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

from activity_core.ports.broker import UNREADABLE

_BASE = struct.Struct(">q")
_LENGTH = struct.Struct(">i")
_OVERHEAD = _BASE.size + _LENGTH.size
_MOST_SHOWN = 60
_CODECS: Mapping[int, Callable[[bytes], bytes]] = {
    DefaultRecordBase.CODEC_NONE: bytes,
    DefaultRecordBase.CODEC_GZIP: gzip_decode,
    DefaultRecordBase.CODEC_SNAPPY: snappy_decode,
    DefaultRecordBase.CODEC_LZ4: lz4_decode,
    DefaultRecordBase.CODEC_ZSTD: zstd_decode,
}


class Parsed(NamedTuple):
    """A record, as `PartitionRecords` wants it."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    checksum: int | None = None


@dataclass(frozen=True, slots=True)
class _Mended:
    """What `PartitionRecords` wants to know of a batch."""

    base_offset: int
    next_offset: int
    records: Sequence[Parsed]
    producer_id: int | None = None
    is_transactional: bool = False
    is_control_batch: bool = False

    def __iter__(self) -> Iterator[Parsed]:
        return iter(self.records)


class TolerantRecords:
    """The batches of `data`, which was asked for from `offset` on; `end` is that of the log."""

    def __init__(self, data: bytes, offset: int, end: int) -> None:
        self._data = data
        self._offset = offset
        self._end = end
        self._at = 0

    def has_next(self) -> bool:
        """Whether there is another whole one: the last is cut off where the answer was full."""
        return len(self._data) >= self._at + _OVERHEAD and len(self._data) >= self._after()

    def next_batch(self) -> Batch | LegacyBatch | _Mended:
        """The next one."""
        base = self._base_offset()
        raw, self._at = self._data[self._at : self._after()], self._after()
        batch = _batch(raw)
        if not batch.validate_crc():
            # Its own word on where it ends is worth something only if it makes sense.
            rest = len(self._data) - self._at
            limit = self._base_offset() if rest >= _BASE.size else self._end
            after = max(max(base, self._offset) + 1, min(batch.next_offset, limit))
            return _Mended(base, after, [_whole(raw, after, 0, "its checksum is wrong")])
        try:
            for _ in _batch(raw):
                pass
        except Exception as error:  # noqa: BLE001 - the codecs raise what they like
            return _mended(raw, batch, error)
        return batch

    def _base_offset(self) -> int:
        [offset] = _BASE.unpack_from(self._data, self._at)
        return int(offset)

    def _after(self) -> int:
        [length] = _LENGTH.unpack_from(self._data, self._at + _BASE.size)
        return self._at + _OVERHEAD + int(length)


def is_intact(data: bytes) -> bool:
    """Whether all checksums of the batches are right."""
    batches = MemoryRecords(data)
    while batch := batches.next_batch():
        if not batch.validate_crc():
            return False
    return True


def _batch(raw: bytes) -> Batch | LegacyBatch:
    return cast("Batch | LegacyBatch", MemoryRecords(raw).next_batch())  # None: of nothing


def _mended(raw: bytes, unread: Batch | LegacyBatch, error: Exception) -> _Mended:
    after = unread.next_offset
    if unread.producer_id is None:  # from before Kafka 0.11
        return _Mended(after - 1, after, [_whole(raw, after, 0, str(error))])
    batch = cast("Batch", unread)
    try:
        records = _records(raw, batch)
    except Exception:  # noqa: BLE001 - as above; the first error is the one to tell
        records = [_whole(raw, after, batch.max_timestamp, str(error))]
    return _Mended(
        batch.base_offset,
        after,
        records,
        batch.producer_id,
        batch.is_transactional,
        batch.is_control_batch,
    )


def _whole(raw: bytes, after: int, timestamp: int, reason: str) -> Parsed:
    reason = f"its batch, which ends at offset {after - 1}, cannot be read: {reason}"
    return Parsed(after - 1, timestamp, 0, None, raw, [(UNREADABLE, reason.encode())])


def _records(raw: bytes, batch: Batch) -> list[Parsed]:
    """The records of an intact batch, whatever the names of their headers are.

    Raises:
        Exception: it cannot be decompressed, or makes no sense.
    """
    header = DefaultRecordBase.HEADER_STRUCT
    reader = _Reader(_CODECS[batch.compression_type](raw[header.size :]))
    return [reader.record(batch) for _ in range(header.unpack_from(raw)[-1])]


class _Reader:
    """Takes records from the front of `payload`."""

    def __init__(self, payload: bytes) -> None:
        self._payload = bytearray(payload)
        self._at = 0

    def record(self, batch: Batch) -> Parsed:
        length = self._number()
        end = self._at + length
        self._at += 1  # attributes, of which there are none
        timestamp = batch.first_timestamp + self._number()
        if batch.timestamp_type == DefaultRecordBase.LOG_APPEND_TIME:
            timestamp = batch.max_timestamp
        offset = batch.base_offset + self._number()
        key, value = self._bytes(), self._bytes()
        pairs = [(self._bytes() or b"", self._bytes()) for _ in range(self._number())]
        if self._at != end or end > len(self._payload):
            raise ValueError(length)
        headers = [(name.decode("utf-8", "backslashreplace"), text) for name, text in pairs]
        if bad := [name for name, _ in pairs if not _is_text(name)]:
            reason = f"the name of a header is not UTF-8: {bad[0][:_MOST_SHOWN]!r}"
            headers.append((UNREADABLE, reason.encode()))
        return Parsed(offset, timestamp, batch.timestamp_type, key, value, headers)

    def _number(self) -> int:
        number, self._at = decode_varint(self._payload, self._at)
        return number

    def _bytes(self) -> bytes | None:
        length = self._number()
        if length < 0:
            return None
        self._at += length
        return bytes(self._payload[self._at - length : self._at])


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
