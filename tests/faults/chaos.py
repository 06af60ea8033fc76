"""Chaos: a world's events are sent while one part of the installation after the other is killed.

In: an installation, a seed. Out: an `Account`, once all of it has settled: the ledgers, and what
the oracle says should be in them.
"""

import asyncio
import random  # noqa: TID251 - of a seed
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from tests.api import eventually
from tests.faults.beats import now
from tests.faults.chaos_count import count
from tests.faults.chaos_definitions import CALLING
from tests.faults.chaos_ledgers import Ledgers, read_sinks, read_tables
from tests.faults.chaos_oracle import Oracle, ask
from tests.faults.chaos_promises import broken
from tests.faults.chaos_senders import Senders
from tests.faults.chaos_world import World, make_world
from tests.faults.installation import Installation
from tests.outside import Outside, Reply

UNDER_WAY = {
    "router": "pending_events",
    "flow": "flow_states",
    "starter": "pending_runs",
    "worker": "runs where finished_at is null",
    "relay": "pending_outbox",
    "postgres": "pending_runs",
    "nats": "pending_outbox",
    "temporal": "runs where finished_at is null",
}
"""What is killed, and what it is in the middle of then."""

PATIENCE = 600.0
"""Seconds until the next one has its turn."""

ANSWERED = frozenset({200, 409, 503})
"""Done; displaced meanwhile; an outage."""


@dataclass(frozen=True)
class Size:
    """How much of it; everything is killed `rounds` times, and is over `within` seconds."""

    definitions: int
    events: int
    rounds: int
    within: float
    pause: float


@dataclass(frozen=True)
class Account:
    """What everybody says in the end."""

    world: World
    ledgers: Ledgers
    oracle: Oracle

    def violations(self, shape: str = "") -> list[str]:
        """All of them, or those of definitions of one shape."""
        mine = [each for each in self.world.definitions if shape in {"", each.shape}]
        return [
            *count(mine, self.ledgers, self.oracle),
            *broken(mine, self.ledgers, self.oracle),
        ]

    def with_ledgers(self, ledgers: Ledgers) -> "Account":
        return replace(self, ledgers=ledgers)


async def chaos(running: Installation, outside: Outside, seed: int, size: Size) -> Account:
    """Send everything, kill everything in turn, and let it settle."""
    world = make_world(seed, size.definitions, size.events, now())
    for each in world.definitions:
        outside.answers(f"/chaos/{each.id}", Reply(201))
    await running.api.apply("\n---\n".join(each.text for each in world.definitions))
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    names = list(UNDER_WAY)
    victims = [name for _ in range(size.rounds) for name in chance.sample(names, len(names))]
    nats_url = str(running.env["ACTIVITY_CORE_NATS_URL"])
    senders = Senders(running.api, nats_url, seed, pause=size.pause)
    async with asyncio.TaskGroup() as group:
        group.create_task(senders.send(world.events))
        group.create_task(_kill_in_turn(running, senders, victims))
    await senders.taken(size.within)
    await complete_what_waits(running, size.within)
    published = await running.assert_invariants()
    async with running.connection() as connection:
        ledgers = await read_tables(connection, senders.log)
    callers = [each.id for each in world.definitions if each.shape in CALLING]
    await read_sinks(running, outside, ledgers, published, callers)
    return Account(world, ledgers, ask(world.definitions, ledgers.sent))


async def _kill_in_turn(running: Installation, senders: Senders, victims: Sequence[str]) -> None:
    """At equal shares of what is routed; each is brought back at once."""
    for number, victim in enumerate(victims, 1):
        routed = partial(_routed, running, senders, number / (len(victims) + 1))
        await eventually(routed, f"it is the turn of {victim}", PATIENCE)
        with suppress(AssertionError):  # it may be quick: somebody sends all the time
            await eventually(partial(_has_work, running, victim), f"{victim} has work", 1)
        if victim in running.servers:
            await running.kill_server(victim)
            await running.servers[victim].start()
        else:
            await running.replace(victim)


async def _routed(running: Installation, senders: Senders, share: float) -> bool:
    pending = await _rows(running, "select count(*) from pending_events")
    return senders.share(less=int(pending[0])) >= share


async def _has_work(running: Installation, victim: str) -> bool:
    return bool(await _rows(running, f"select 1 from {UNDER_WAY[victim]} limit 1"))


async def complete_what_waits(running: Installation, within: float) -> None:
    """Until all runs are over, and all of it is told: people do what runs wait for."""

    async def over() -> bool:
        for task in await _rows(
            running,
            """select task_id from tasks join runs using (tenant, run_id)
            where wait and tasks.status = 'ready' and runs.definition_id like 'chaos-%'""",
        ):
            path = f"/v1/tasks/{task}/complete"
            answer = await running.api.http.post(path, json={"outcome": "done"})
            assert answer.status_code in ANSWERED, answer.text
        return not await _rows(
            running,
            """(select run_id from runs
            where finished_at is null and definition_id like 'chaos-%' limit 1)
            union all (select event_id from pending_outbox limit 1)""",
        )

    await eventually(over, "all runs are over", within)


async def _rows(running: Installation, query: str) -> list[str]:
    async with running.connection() as connection:
        rows = await connection.execute(query.encode())
        return [next(iter(row.values())) for row in await rows.fetchall()]
