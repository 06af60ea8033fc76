"""The state of the twin: isolation between tasks, and no waiting for oneself."""

import asyncio

import pytest

from activity_core.adapters.memory.state import State


async def test_readers_see_what_is_committed():
    state = State()
    async with state.transaction() as tables:
        tables.pending_events[1] = b"key"
        assert state.tables.pending_events == {}
    assert state.tables.pending_events == {1: b"key"}


async def test_writers_wait_for_each_other():
    state = State()

    async def count_up() -> None:
        async with state.transaction() as tables:
            seen = len(tables.pending_events)
            await asyncio.sleep(0)
            tables.pending_events[seen] = b"key"

    await asyncio.gather(*(count_up() for _ in range(5)))
    assert list(state.tables.pending_events) == [0, 1, 2, 3, 4]


async def test_a_task_that_would_wait_for_itself_is_told():
    state = State()
    async with state.transaction():
        with pytest.raises(RuntimeError, match="inside a transaction"):
            async with state.transaction():
                pass
    async with state.transaction():
        pass
