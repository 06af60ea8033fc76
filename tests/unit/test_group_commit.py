"""Group commit: who waits at the same time shares a flush, and nobody is harmed by another."""

import asyncio
from collections.abc import Sequence

import pytest

from activity_core.core.errors import RejectedError, UnavailableError
from activity_core.services.group_commit import GroupCommit


class Store:
    """Keeps numbers, refuses negative ones; each flush waits until it is let through."""

    def __init__(self) -> None:
        self.flushed: list[list[int]] = []
        self.gate = asyncio.Event()
        self.begun = asyncio.Event()

    async def flush(self, items: Sequence[int]) -> list[str]:
        self.begun.set()
        await self.gate.wait()
        if any(item < 0 for item in items):
            raise RejectedError("negative")
        self.flushed.append(list(items))
        return [f"kept {item}" for item in items]


async def test_alone_it_is_one_flush_at_once():
    store = Store()
    store.gate.set()
    group = GroupCommit(store.flush)
    assert await group.submit([1, 2]) == ["kept 1", "kept 2"]
    assert await group.submit([3]) == ["kept 3"]
    assert store.flushed == [[1, 2], [3]]


async def gathered(
    store: Store, group: GroupCommit[int, str], *callers: list[int]
) -> list[Sequence[str] | BaseException]:
    """The first caller is being flushed when all others come."""
    first = asyncio.create_task(group.submit([0]))
    await store.begun.wait()
    others = [asyncio.create_task(group.submit(caller)) for caller in callers]
    await asyncio.sleep(0)
    store.gate.set()
    await first
    return await asyncio.gather(*others, return_exceptions=True)


async def test_who_comes_meanwhile_shares_the_next_one():
    store = Store()
    group = GroupCommit(store.flush, at_once=1)
    answers = await gathered(store, group, [1], [2, 3], [4])
    assert answers == [["kept 1"], ["kept 2", "kept 3"], ["kept 4"]]
    assert store.flushed == [[0], [1, 2, 3, 4]]


async def test_a_flush_is_bounded_but_takes_a_caller_whole():
    store = Store()
    group = GroupCommit(store.flush, max_items=3, at_once=1)
    await gathered(store, group, [1, 2], [3, 4], [5], [6, 7, 8, 9], [10])
    assert store.flushed == [[0], [1, 2], [3, 4, 5], [6, 7, 8, 9], [10]]


async def test_a_caller_that_is_refused_harms_nobody():
    store = Store()
    group = GroupCommit(store.flush)
    good, bad, other = await gathered(store, group, [1], [-1], [2])
    assert (good, other) == (["kept 1"], ["kept 2"])
    assert isinstance(bad, RejectedError)
    assert await group.submit([3]) == ["kept 3"]


async def test_a_caller_that_gave_up_harms_nobody():
    store = Store()
    group = GroupCommit(store.flush)
    first = asyncio.create_task(group.submit([0]))
    await store.begun.wait()
    impatient = asyncio.create_task(group.submit([1]))
    other = asyncio.create_task(group.submit([2]))
    await asyncio.sleep(0)
    impatient.cancel()
    store.gate.set()
    assert await first == ["kept 0"]
    assert await other == ["kept 2"]
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_so_many_flushes_are_under_way_and_no_more():
    store = Store()
    group = GroupCommit(store.flush, at_once=2)
    callers = [asyncio.create_task(group.submit([number])) for number in range(4)]
    await store.begun.wait()
    late = asyncio.create_task(group.submit([4]))
    await asyncio.sleep(0)
    store.gate.set()
    await asyncio.gather(*callers, late)
    assert sorted(item for flush in store.flushed for item in flush) == [0, 1, 2, 3, 4]
    assert len(store.flushed) == 2


async def test_who_comes_right_after_the_last_flush_is_not_forgotten():
    store = Store()
    store.gate.set()
    group = GroupCommit(store.flush, at_once=1)
    for number in range(50):
        async with asyncio.timeout(5):
            assert await group.submit([number]) == [f"kept {number}"]


async def test_an_outage_is_told_to_all_at_once():
    asked: list[list[int]] = []

    async def away(items: Sequence[int]) -> list[str]:
        asked.append(list(items))
        raise UnavailableError("away")

    group: GroupCommit[int, str] = GroupCommit(away)
    answers = await asyncio.gather(*map(group.submit, ([1], [2], [3])), return_exceptions=True)
    assert [type(answer) for answer in answers] == [UnavailableError] * 3
    assert asked == [[1, 2, 3]]
