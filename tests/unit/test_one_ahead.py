"""One ahead: in order, one at a time, and nothing goes on behind a closed door."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from activity_core.services.one_ahead import one_ahead


class Source:
    """Items 1, 2 and so on up to `last`; then it ends, or raises `error`."""

    def __init__(self, last: int, error: Exception | None = None) -> None:
        self.made = 0
        self.closed = False
        self._last = last
        self._error = error

    async def items(self) -> AsyncGenerator[int, None]:
        try:
            while self.made < self._last:
                self.made += 1
                yield self.made
            if self._error:
                raise self._error
        finally:
            self.closed = True


async def test_all_come_in_order():
    source = Source(5)
    assert [item async for item in one_ahead(source.items())] == [1, 2, 3, 4, 5]
    assert source.closed


async def test_the_next_is_made_while_one_is_handled_and_no_other():
    source = Source(5)
    async with aclosing(one_ahead(source.items())) as ahead:
        assert await anext(ahead) == 1
        for _ in range(10):
            await asyncio.sleep(0)
        assert source.made == 2


async def test_an_error_comes_after_what_was_before_it():
    source = Source(2, ValueError("broken"))
    seen = []

    async def look() -> None:
        async for item in one_ahead(source.items()):
            await asyncio.sleep(0)
            seen.append(item)

    with pytest.raises(ValueError, match="broken"):
        await look()
    assert seen == [1, 2]


async def test_whoever_leaves_ends_what_is_under_way():
    hanging, source = asyncio.Event(), Source(1)

    async def items() -> AsyncGenerator[int, None]:
        async for item in source.items():
            yield item
        try:
            await asyncio.Event().wait()
        finally:
            hanging.set()

    async with aclosing(one_ahead(items())) as ahead:
        assert await anext(ahead) == 1
        await asyncio.sleep(0)
    assert hanging.is_set()
    assert source.closed


async def test_an_error_that_nobody_waits_for_any_more_is_not_logged(
    caplog: pytest.LogCaptureFixture,
):
    async with aclosing(one_ahead(Source(1, ValueError("broken")).items())) as ahead:
        await anext(ahead)
        await asyncio.sleep(0)
    assert not caplog.records
