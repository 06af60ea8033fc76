"""Group commit: callers that wait at the same time share one transaction.

`ingest` puts arrivals in, `performer` the ends of tasks; while flushes are under way the next group
gathers, so that under load a commit carries many callers and alone it carries one, at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from activity_core.core.errors import UnavailableError

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class GroupCommit(Generic[Item, Answer]):
    """`flush` gets the items of one or more callers, at most `max_items` unless one has more.

    `at_once` flushes may be under way: with two, one is prepared while the database has the other.
    """

    def __init__(
        self,
        flush: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]],
        *,
        max_items: int = 500,
        at_once: int = 2,
    ) -> None:
        self._flush = flush
        self._max_items = max_items
        self._waiting: list[tuple[Sequence[Item], asyncio.Future[Sequence[Answer]]]] = []
        self._at_once = at_once
        self._flushers = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, items: Sequence[Item]) -> Sequence[Answer]:
        """Answers in the order of the items, once they are committed.

        Raises:
            UnavailableError: the flush of the group raised it; nobody knows what was committed.
            whatever else the flush of the caller alone raised; nothing of it was committed then.
        """
        done: asyncio.Future[Sequence[Answer]] = asyncio.get_running_loop().create_future()
        self._waiting.append((items, done))
        if self._flushers < self._at_once:
            self._flushers += 1
            task = asyncio.create_task(self._drain())
            self._tasks.add(task)  # the loop alone would not keep it alive
            task.add_done_callback(self._tasks.discard)
        return await done

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._commit(self._next_group())
        finally:
            # At once, not when the task is seen to be done: whoever comes in between would wait.
            self._flushers -= 1

    def _next_group(self) -> list[tuple[Sequence[Item], asyncio.Future[Sequence[Answer]]]]:
        size = count = 0
        for items, _ in self._waiting:
            if count and size + len(items) > self._max_items:
                break
            size += len(items)
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group

    async def _commit(
        self, group: Sequence[tuple[Sequence[Item], asyncio.Future[Sequence[Answer]]]]
    ) -> None:
        """Commit a group; if it fails, its callers one by one, so that none harms another.

        An outage is nobody's fault: all are told at once, instead of waiting for it one by one.
        """
        try:
            answers = list(await self._flush([item for items, _ in group for item in items]))
        except UnavailableError as error:
            for _, waiting in group:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        except Exception as error:  # noqa: BLE001 - handed to the callers below
            if len(group) > 1:
                for member in group:
                    await self._commit([member])
            elif not (waiting := group[0][1]).done():
                waiting.set_exception(error)
            return
        for items, waiting in group:
            mine, answers = answers[: len(items)], answers[len(items) :]
            if not waiting.done():
                waiting.set_result(mine)
