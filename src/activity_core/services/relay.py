"""The relay: recorded events leave for the broker, in order per run, at least once.

In: due rows of the outbox, locked with their keys. Out: confirmed publishes; what failed waits in
back-off and holds back the later rows of its key, never those of others.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import groupby
from operator import attrgetter

import structlog

from activity_core.core.errors import ActivityCoreError
from activity_core.ports.broker import Publisher
from activity_core.ports.clock import Clock
from activity_core.ports.outbox import Outbox, OutboxRow, Setback
from activity_core.services.metrics import EVENTS_OUT

log = structlog.get_logger(__name__)

BATCH = 500
LONGEST_WAIT = timedelta(minutes=1)


class Relay:
    """Publishes the outbox of one tenant; several may run at once, never on the same key."""

    def __init__(self, outbox: Outbox, publisher: Publisher, clock: Clock) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._clock = clock

    async def step(self) -> bool:
        """Publish one batch; True if there may be more."""
        async with self._outbox.take(BATCH, self._clock.now()) as batch:
            if not batch.rows:
                return False
            results = await asyncio.gather(*map(self._publish_in_order, _by_key(batch.rows)))
            sent = [position for positions, _ in results for position in positions]
            setbacks = [setback for _, setback in results if setback]
            await batch.settle(sent, setbacks)
        EVENTS_OUT.labels("sent").inc(len(sent))
        EVENTS_OUT.labels("setback").inc(len(setbacks))
        return bool(sent)

    async def _publish_in_order(
        self, rows: Sequence[OutboxRow]
    ) -> tuple[list[int], Setback | None]:
        """Rows of one key, until the first that fails."""
        sent: list[int] = []
        for row in rows:
            try:
                await self._publisher.publish(row.event_id, row.type, row.body, key=row.key)
            except ActivityCoreError as error:
                log.warning("publish_failed", event_id=row.event_id, key=row.key, error=str(error))
                retry_at = self._clock.now() + wait_after(row.attempts)
                return sent, Setback(row.position, str(error), retry_at)
            sent.append(row.position)
        return sent, None


def wait_after(attempts: int) -> timedelta:
    """Half a second, doubled with every failed attempt, at most a minute."""
    return min(timedelta(seconds=0.5 * 2 ** min(attempts, 10)), LONGEST_WAIT)


def _by_key(rows: Sequence[OutboxRow]) -> Iterable[Sequence[OutboxRow]]:
    """Rows per key, each in order of position (sorting is stable)."""
    key = attrgetter("key")
    return [list(group) for _, group in groupby(sorted(rows, key=key), key=key)]
