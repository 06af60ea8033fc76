"""Brokers that go away in the middle of both directions: all of it goes on by itself."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count

import psycopg
import pytest
from psycopg.rows import dict_row
from tests.api import eventually
from tests.faults.broker_feeds import all_arrived, assert_counted, feeds, load, more_arrives
from tests.faults.broker_intake import ONE, intake, settings
from tests.faults.broker_lines import Line
from tests.faults.broker_outlets import forget, heard
from tests.faults.installation import Installation
from tests.invariants import Connection, Published, compare

from activity_core.adapters.postgres.outbox import PostgresOutbox
from activity_core.adapters.postgres.pool import Pool, open_pool
from activity_core.adapters.system_clock import SystemClock
from activity_core.bootstrap.brokers import Brokers
from activity_core.services.loop import repeat
from activity_core.services.relay import Relay

pytestmark = pytest.mark.usefixtures("no_intake")

TYPE = "activity-core.told.v1"
ANNOUNCEMENTS = f"""
with told as (
    insert into outbox (tenant, event_id, key, type, subject, body, created_at)
    select %(tenant)s, id, 'run-' || n %% 20, '{TYPE}', 's',
        convert_to(json_build_object('id', id)::text, 'UTF8'), now()
    from generate_series(%(first)s, %(first)s + 9) as n, concat(%(tenant)s::text, '-', n) as id
    order by n
    returning position, key, event_id
)
insert into pending_outbox (tenant, position, shard, key, event_id)
select %(tenant)s, position, hashtextextended(key, 0) & 15, key, event_id from told
"""
ROWS = "select event_id, key, body from outbox where tenant = %s order by position"
NUMBERS = """
select count(*) as told, count(p.event_id) as waiting, count(p.retry_at) as stuck
from outbox left join pending_outbox p using (tenant, event_id) where tenant = %(tenant)s
"""


class Outbound:
    """An outbox of its own for a line, with a relay that empties it."""

    def __init__(self, link: Connection, line: Line, name: str) -> None:
        self._link = link
        self.line = line
        self.tenant = f"{name}-{line.kind}"

    async def announce(self, over: asyncio.Event) -> None:
        """Ten at a time, until it is over."""
        for first in count(0, 10):
            if over.is_set():
                return
            await self._link.execute(ANNOUNCEMENTS, {"tenant": self.tenant, "first": first})
            await asyncio.sleep(0.2)  # a load, not a flood

    async def has_begun(self) -> bool:
        waiting, _, told = await self._numbers()
        return waiting < told

    async def is_stuck(self) -> bool:
        _, stuck, _ = await self._numbers()
        return stuck > 0

    async def is_empty(self) -> bool:
        waiting, _, _ = await self._numbers()
        return waiting == 0

    async def _numbers(self) -> tuple[int, int, int]:
        [row] = await (await self._link.execute(NUMBERS, {"tenant": self.tenant})).fetchall()
        return int(row["waiting"]), int(row["stuck"]), int(row["told"])

    async def wrong(self) -> list[str]:
        """What never left, or left out of order."""
        rows = await (await self._link.execute(ROWS, [self.tenant])).fetchall()
        stream = [each for each in await heard(self.line) if self._is_ours(each)]
        return compare(rows, stream)

    def _is_ours(self, published: Published) -> bool:
        return published.message_id.startswith(f"{self.tenant}-")

    @asynccontextmanager
    async def relay(self, pool: Pool, running: Installation) -> AsyncIterator[None]:
        clock = SystemClock()
        brokers = Brokers(settings(running, [self.line], events_to=self.line.kind), clock)
        relay = Relay(PostgresOutbox(pool, self.tenant), brokers.publisher, clock)
        relaying = asyncio.create_task(repeat("relay", relay.step, asyncio.sleep, period=0.05))
        try:
            yield
        finally:
            relaying.cancel()
            await asyncio.wait([relaying])
            await brokers.close()


@asynccontextmanager
async def announcing(outbound: Sequence[Outbound]) -> AsyncIterator[None]:
    """They keep being announced while inside."""
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for each in outbound:
            group.create_task(each.announce(over))
        try:
            yield
        finally:
            over.set()


async def some_wait(outbound: Sequence[Outbound]) -> bool:
    return any([await each.is_stuck() for each in outbound])


@pytest.mark.parametrize("how", ["kill", pytest.param("stop", marks=pytest.mark.long)])
async def test_brokers_go_away_in_the_middle_and_come_back(
    running: Installation, lines: Sequence[Line], postgres_url: str, how: str
) -> None:
    async with AsyncExitStack() as stack:
        link = await stack.enter_async_context(
            await psycopg.AsyncConnection.connect(
                postgres_url, autocommit=True, row_factory=dict_row
            )
        )
        pool = await stack.enter_async_context(open_pool(postgres_url, 6))
        found = await stack.enter_async_context(feeds(running, lines, f"away-{how}"))
        outbound = [Outbound(link, line, how) for line in lines]
        async with intake(running, lines, ONE):
            async with load(found):
                await more_arrives(running, found)
                for each in outbound:
                    stack.push_async_callback(forget, each.line, TYPE)
                    await stack.enter_async_context(each.relay(pool, running))
                async with announcing(outbound):
                    for each in outbound:
                        await eventually(each.has_begun, f"{each.tenant}: some of it leaves")
                    await asyncio.gather(*(getattr(line, how)() for line in lines))
                    await eventually(lambda: some_wait(outbound), "publishing fails")
                    await asyncio.gather(*(line.start() for line in lines))
                for each in outbound:
                    await eventually(each.is_empty, f"{each.tenant}: all of it leaves")
                await more_arrives(running, found)
            await all_arrived(running, found)
        assert [await each.wrong() for each in outbound] == [[] for _ in outbound]
        await assert_counted(running, found)
