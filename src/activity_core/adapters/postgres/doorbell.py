"""The doorbell: rings reach waiters of this process at once, those of others by NOTIFY.

One connection listens, another notifies, both for rings alone: a NOTIFY inside a working
transaction would make all commits queue. A process sends its rings at most every 50 ms, the first
at once. Being away from PostgreSQL costs latency only, so everything here just tries again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

import psycopg
import structlog

from activity_core.ports.doorbell import Topic

_CHANNEL = "activity_core_doorbell"
_NOTIFY = "select pg_notify(%s, topic) from unnest(%s::text[]) topic"
_BETWEEN_SENDS = 0.05  # seconds
_BETWEEN_TRIES = 1.0  # seconds

_log = structlog.get_logger(__name__)


class PostgresDoorbell:
    """See `ports.doorbell.Doorbell`. Rings travel between processes while it is entered."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._rung = {topic: asyncio.Event() for topic in Topic}
        self._to_send: set[Topic] = set()
        self._something_to_send = asyncio.Event()
        self._sender_pid = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(_persist(self._listen)),
            asyncio.create_task(_persist(self._send)),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def ring(self, topic: Topic) -> None:
        """See `Doorbell.ring`."""
        self._rung[topic].set()
        self._to_send.add(topic)
        self._something_to_send.set()

    async def wait(self, topic: Topic, timeout: float) -> None:  # noqa: ASYNC109 - as in the port
        """See `Doorbell.wait`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._rung[topic].wait()
        self._rung[topic].clear()

    async def _listen(self) -> None:
        async with await self._connect() as conn:
            await conn.execute(f"listen {_CHANNEL}")
            for rung in self._rung.values():  # whatever was rung while nobody listened
                rung.set()
            async for heard in conn.notifies():
                if heard.pid != self._sender_pid:
                    self._rung[Topic(heard.payload)].set()

    async def _send(self) -> None:
        async with await self._connect() as conn:
            self._sender_pid = conn.info.backend_pid
            while True:
                await self._something_to_send.wait()
                self._something_to_send.clear()
                topics, self._to_send = self._to_send, set()
                try:
                    await conn.execute(_NOTIFY, [_CHANNEL, [topic.value for topic in topics]])
                except psycopg.Error:
                    self._to_send |= topics  # again, on the next connection
                    self._something_to_send.set()
                    raise
                await asyncio.sleep(_BETWEEN_SENDS)

    async def _connect(self) -> psycopg.AsyncConnection[tuple[object, ...]]:
        return await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            application_name="activity-core doorbell",
            # A listener sends nothing: only these tell it that the other side is gone.
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
        )


async def _persist(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except (psycopg.Error, OSError) as error:
            _log.warning("doorbell_lost", error=str(error).strip())
        await asyncio.sleep(_BETWEEN_TRIES)
