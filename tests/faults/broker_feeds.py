"""Feeds: a source at each line, the messages that were sent to it, and what became of them.

Nothing of the product is used to count but its tables.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count

from tests.api import eventually
from tests.faults.broker_lines import STRUCTURED, Heads, Line
from tests.faults.installation import Installation
from tests.invariants import Connection

from activity_core.core.errors import UnavailableError

FACT, EACH = "brokered.fact", "brokered.each"
AT_ONCE = 100
"""Messages that a sender has on the way at a time."""
RUNS_OF = 20
"""Every so manieth event leads to a run; all of them are routed."""
DEFINITION = f"""
id: brokered
trigger: {{event: {{type: {FACT}, filter: event.data.n % {RUNS_OF} == 0}}}}
rules: [{{id: all, tasks: [{{id: look, human: {{title: Look}}}}]}}]
---
id: brokered-all
trigger: {{event: {{type: {EACH}}}}}
rules: [{{id: all, tasks: [{{id: look, human: {{title: Look}}}}]}}]
"""


@dataclass(eq=False)
class Feed:
    """One source, and whoever sends by it."""

    line: Line
    name: str
    type: str = FACT
    sent: set[str] = field(default_factory=set)

    @property
    def source(self) -> str:
        """Of its CloudEvents."""
        return f"/brokers/{self.name}"

    def event(self, number: int) -> bytes:
        event = {"specversion": "1.0", "id": f"{number}", "source": self.source, "type": self.type}
        return json.dumps(event | {"data": {"n": number}}).encode()

    async def send(
        self, bodies: Iterable[bytes], *, headers: Heads | None = None, pause: float = 0
    ) -> None:
        """Each until the broker says that it has stored it."""
        waiting = list(bodies)
        while waiting:
            some, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
            with suppress(UnavailableError, TimeoutError, OSError):
                stored = await self.line.offer(self.name, some, headers or STRUCTURED)
                some = [body for body, is_stored in zip(some, stored, strict=True) if not is_stored]
            waiting = some + waiting
            await asyncio.sleep(0.3 if some else pause)

    async def send_numbers(self, numbers: Iterable[int], *, pause: float = 0) -> None:
        """Events of these numbers, which must come in."""
        wanted = list(numbers)
        self.sent |= {f"{number}" for number in wanted}
        await self.send(map(self.event, wanted), pause=pause)

    async def arrived(self, running: Installation) -> int:
        async with running.connection() as connection:
            rows = await connection.execute(
                "select count(*) as number from events where source = %s", [self.source]
            )
            [row] = await rows.fetchall()
            return int(row["number"])


@asynccontextmanager
async def feeds(
    running: Installation,
    lines: Iterable[Line],
    name: str,
    type_: str = FACT,
    allow: Mapping[str, Sequence[str]] | None = None,
) -> AsyncIterator[Sequence[Feed]]:
    """A feed on each line, known to the installation while inside; `allow` from its first version.

    What a later version allows is known to the parts a moment later, not at once.
    """
    found = [Feed(line, f"{name}-{line.kind}", type_) for line in lines]
    ways = {feed: await feed.line.open(feed.name) for feed in found}
    rest = {} if allow is None else {"allow": allow}
    sources = [
        {"kind": "source", "id": feed.name, feed.line.kind: ways[feed], **rest} for feed in found
    ]
    await running.api.apply("\n---\n".join([DEFINITION, *map(json.dumps, sources)]))
    try:
        yield found
    finally:
        for feed in found:
            await running.api.http.delete(f"/v1/sources/{feed.name}")


async def all_arrived(running: Installation, found: Sequence[Feed], within: float = 60) -> None:
    """Wait until as many rows are there as numbers were sent, and every broker knows it."""
    for feed in found:

        async def look(feed: Feed = feed) -> bool:
            return await feed.arrived(running) >= len(feed.sent)

        async def is_done(feed: Feed = feed) -> bool:
            return await feed.line.left(feed.name) == 0

        await eventually(look, f"{feed.name}: all of it arrives", within)
        await eventually(is_done, f"{feed.name}: all of it is acknowledged", within)
    await running.settled()


async def miscounted(connection: Connection, feed: Feed) -> list[str]:
    """What is not as it must be: one row, one key and one routing for each event that was sent."""
    rows = await connection.execute(
        """
        select event_id, count(*) as rows, count(k.event_key) as keys, count(r.event_key) as routed
        from events e left join event_keys k using (tenant, event_key)
            left join routings r using (tenant, event_key)
        where e.source = %s group by event_id""",
        [feed.source],
    )
    stored = {row["event_id"]: row for row in await rows.fetchall()}
    wrong = [f"{feed.name}: lost: {id_}" for id_ in feed.sent - stored.keys()]
    wrong += [f"{feed.name}: never sent: {id_}" for id_ in stored.keys() - feed.sent]
    for id_, row in stored.items():
        if row["rows"] != 1:
            wrong.append(f"{feed.name}: stored {row['rows']} times: {id_}")
        if row["rows"] != row["keys"] or row["rows"] != row["routed"]:
            wrong.append(f"{feed.name}: not routed once: {id_}")
    return sorted(wrong)


async def misburied(connection: Connection, feed: Feed, bodies: Sequence[bytes]) -> list[str]:
    """Of the dead letters: exactly these bytes, each once, from this source."""
    rows = await connection.execute(
        "select body, via from dead_letters where source_id = %s", [feed.name]
    )
    buried = Counter((bytes(row["body"]), row["via"]) for row in await rows.fetchall())
    wanted = Counter((body, feed.line.kind) for body in bodies)
    wrong = [f"{feed.name}: never buried: {body!r}" for body, _ in wanted - buried]
    return wrong + [f"{feed.name}: buried: {body!r}" for body, _ in buried - wanted]


async def assert_counted(running: Installation, found: Sequence[Feed]) -> None:
    """Nothing lost, nothing double, and the brokers know it; nobody may consume any more."""
    async with running.connection() as connection:
        wrong = [line for feed in found for line in await miscounted(connection, feed)]
    assert not wrong, wrong[:20]
    assert {feed.name: await feed.line.left(feed.name) for feed in found} == {
        feed.name: 0 for feed in found
    }


@asynccontextmanager
async def load(found: Sequence[Feed]) -> AsyncIterator[None]:
    """Messages keep being sent while inside."""
    over = asyncio.Event()

    async def send(feed: Feed) -> None:
        numbers = count()
        while not over.is_set():
            await feed.send_numbers([next(numbers) for _ in range(25)], pause=0.3)

    async with asyncio.TaskGroup() as group:
        for feed in found:
            group.create_task(send(feed))
        try:
            yield
        finally:
            over.set()


async def more_arrives(running: Installation, found: Sequence[Feed]) -> None:
    """Wait until something came in on every feed that had not been there before."""
    before = {feed.name: await feed.arrived(running) for feed in found}
    for feed in found:

        async def look(feed: Feed = feed) -> bool:
            return await feed.arrived(running) > before[feed.name]

        await eventually(look, f"{feed.name}: more arrives")
