"""The watermark of a partition: never beyond a message that is not settled."""

from aiokafka.structs import ConsumerRecord, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from activity_core.adapters.kafka.delivery import texts
from activity_core.adapters.kafka.unsettled import Handed, Record, Unsettled

HERE = TopicPartition("shop", 0)


def record(offset: int) -> Record:
    return ConsumerRecord("shop", 0, offset, 0, 0, None, b"", None, -1, 0, ())


def handed_out(unsettled: Unsettled, *offsets: int) -> list[Handed]:
    return [unsettled.hand_out(HERE, record(offset)) for offset in offsets]


@given(
    gaps=st.lists(st.integers(1, 5), min_size=1, max_size=30),
    steps=st.lists(st.tuples(st.sampled_from("srd"), st.integers(0, 29)), max_size=80),
)
def test_the_watermark_is_the_first_that_is_not_settled(
    gaps: list[int], steps: list[tuple[str, int]]
):
    """Offsets have gaps, where transactions and compaction leave them."""
    offsets = [sum(gaps[: n + 1]) for n in range(len(gaps))]
    unsettled = Unsettled()
    hands = dict(zip(offsets, handed_out(unsettled, *offsets), strict=True))
    settled: set[int] = set()
    for now, (step, number) in enumerate(steps):
        offset = offsets[number % len(offsets)]
        if step == "s":
            unsettled.settle(hands[offset])
            settled.add(offset)
        elif step == "r":
            unsettled.give_back(hands[offset], now + 1)
        else:
            for again in unsettled.due(now, most=2):
                assert again.record.offset not in settled
                hands[again.record.offset] = again
        left = [offset for offset in offsets if offset not in settled]
        expected = left[0] if left else offsets[-1] + 1
        assert unsettled.reached().get(HERE, offsets[0]) == expected
        assert len(unsettled) == len(left)


def test_a_retry_keeps_its_place_and_counts():
    unsettled = Unsettled()
    first, second = handed_out(unsettled, 5, 6)
    unsettled.give_back(first, 1.0)
    unsettled.give_back(first, 1.0)
    unsettled.settle(second)
    assert unsettled.reached() == {}
    assert unsettled.due(0.9, 10) == []
    [again] = unsettled.due(1.0, 10)
    assert (again.record.offset, again.attempt) == (5, 2)
    unsettled.settle(again)
    assert unsettled.reached() == {HERE: 7}
    unsettled.committed({HERE: 7})
    assert unsettled.reached() == {}


def test_what_is_settled_late_is_not_handed_out_again():
    unsettled = Unsettled()
    [handed] = handed_out(unsettled, 0)
    unsettled.give_back(handed, 1.0)
    unsettled.settle(handed)
    assert unsettled.due(2.0, 10) == []


def test_of_a_lost_partition_nothing_counts_any_more():
    unsettled = Unsettled()
    waiting, late, later = handed_out(unsettled, 0, 1, 2)
    unsettled.give_back(waiting, 1.0)
    unsettled.lose([HERE])
    assert len(unsettled) == 0
    [mine] = handed_out(unsettled, 1)
    unsettled.settle(late)
    unsettled.give_back(later, 1.0)
    assert unsettled.due(2.0, 10) == []
    assert unsettled.reached() == {}
    unsettled.settle(mine)
    assert unsettled.reached() == {HERE: 2}


def test_offsets_that_begin_anew_are_seen():
    unsettled = Unsettled()
    assert unsettled.goes_on(HERE, 7)
    handed_out(unsettled, 7)
    assert unsettled.goes_on(HERE, 9)
    assert not unsettled.goes_on(HERE, 7)


def test_headers_are_text_whatever_they_were():
    several = [("a", b"1"), ("A", b"2"), ("a", b"3"), ("a", b"1")]
    odd = [("b", b"\xff\xc3\xa9"), ("c", None)]
    assert texts([*several, *odd]) == {"a": "1, 3", "A": "2", "b": "\\xffé", "c": ""}
