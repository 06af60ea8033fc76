"""Batches that cannot be read: what is still told of them, and where they end."""

from aiokafka.record.default_records import DefaultRecordBase, _DefaultRecordBatchBuilderPy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from activity_core.adapters.kafka.tolerant import TolerantRecords, _records, is_intact
from activity_core.ports.broker import UNREADABLE

END = 9
HEADER = DefaultRecordBase.HEADER_STRUCT
SOME: SearchStrategy[bytes | None] = st.none() | st.binary(max_size=300)
HEADERS = st.lists(st.tuples(st.text(max_size=200), SOME), max_size=4)
RECORDS = st.lists(st.tuples(st.integers(0, 2**45), SOME, SOME, HEADERS), min_size=1, max_size=5)


def batch(*values: bytes, base: int = 0, last: int | None = None) -> bytes:
    """As it is in the log; `last`: what it claims its last offset to be, whatever its checksum."""
    builder = _builder()
    for number, value in enumerate(values):
        builder.append(number, 1_000, None, value, [])
    fields = list(HEADER.unpack_from(raw := builder.build()))
    fields[0] = base
    if last is not None:
        fields[6] = last - base
    HEADER.pack_into(raw, 0, *fields)
    return bytes(raw)


def read(data: bytes, offset: int = 0) -> list[tuple[int, list[int]]]:
    """Of each batch: where it ends, and its records."""
    batches = TolerantRecords(data, offset, END)
    found = []
    while batches.has_next():
        one = batches.next_batch()
        found.append((one.next_offset, [each.offset for each in one]))
    return found


def test_good_ones_stay_as_they_are_and_a_cut_off_one_is_left():
    data = batch(b"0", b"1") + batch(b"2", base=2) + batch(b"3", base=3)[:-1]
    assert read(data) == [(2, [0, 1]), (3, [2])]
    assert is_intact(data)


def test_a_damaged_one_is_one_record_in_the_place_of_its_last():
    damaged = batch(b"0", b"1").replace(b"1", b"!")
    assert not is_intact(damaged)
    assert read(damaged + batch(b"2", base=2)) == [(2, [1]), (3, [2])]
    [record] = TolerantRecords(damaged, 0, END).next_batch()
    assert (record.value, record.key) == (damaged, None)
    [(name, reason)] = record.headers
    assert name == UNREADABLE
    assert (reason or b"").endswith(b"its checksum is wrong")


def test_a_damaged_one_is_not_believed_where_it_ends():
    following = batch(b"2", base=2)
    assert read(batch(b"0", b"1", last=2**30) + following)[0] == (2, [1])
    assert read(batch(b"0", b"1", last=2**30))[0] == (END, [END - 1])
    assert read(batch(b"0", b"1", last=-7) + following)[0] == (1, [0])
    # It always goes on, or it would be read for ever.
    assert read(batch(b"0", b"1", last=-7) + following, offset=1)[0] == (2, [1])


@given(RECORDS)
def test_records_are_taken_apart_as_aiokafka_does(
    records: list[tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]],
):
    builder = _builder()
    for number, (timestamp, key, value, headers) in enumerate(records):
        builder.append(number, timestamp, key, value, headers)
    raw = bytes(builder.build())
    batches = TolerantRecords(raw, 0, END)
    theirs = list(batches.next_batch())
    ours = _records(raw, TolerantRecords(raw, 0, END).next_batch())  # type: ignore[arg-type]
    names = ("offset", "timestamp", "timestamp_type", "key", "value", "headers")
    for one, other in zip(ours, theirs, strict=True):
        assert [getattr(one, name) for name in names] == [getattr(other, name) for name in names]


def _builder() -> _DefaultRecordBatchBuilderPy:
    return _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, -1, 1 << 20)
