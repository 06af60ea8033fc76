"""Negative controls: the same events, and nothing that keeps what is the same from running twice.

An installation of its own beside the usual one (another database on the same server), whose API and
router were made careless; it decides and starts nothing. The count of chaos must catch it.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.api import api_at, eventually
from tests.faults import careless
from tests.faults.beats import now
from tests.faults.chaos_count import count_decisions
from tests.faults.chaos_ledgers import read_tables
from tests.faults.chaos_oracle import ask
from tests.faults.chaos_promises import broken
from tests.faults.chaos_senders import Senders
from tests.faults.chaos_world import make_world
from tests.faults.installation import Installation

from activity_core.adapters.postgres.migrate import migrate
from activity_core.embedded.ports import choose_ports

pytestmark = pytest.mark.long
"""Two more installations: the damage in `test_chaos` is the control of every run."""
SEED = 66
IN_TURN = {"order", "concurrency"}
CARELESS = (sys.executable, "-P", str(Path(careless.__file__)))


@asynccontextmanager
async def beside(
    running: Installation, home: Path, name: str, flaws: Sequence[str]
) -> AsyncIterator[Installation]:
    async with running.connection() as connection:
        await connection.execute(f"create database {name}".encode())
    url = urlsplit(running.env["ACTIVITY_CORE_DATABASE_URL"])._replace(path=f"/{name}").geturl()
    await asyncio.to_thread(migrate, url)
    port = choose_ports(["api"], demanded={}, preferred={})["api"]
    more = {"ACTIVITY_CORE_DATABASE_URL": url, "ACTIVITY_CORE_PORT": str(port)}
    command = (*CARELESS, ",".join(flaws))
    async with api_at(f"http://127.0.0.1:{port}") as api:
        other = Installation({}, {**running.env, **more}, home, api)
        try:
            for agent in ("api", "router"):
                await other.start(agent, command=command)
            await other.start("flow")
            await api.until_ready()
            yield other
        finally:
            for program in other.programs.values():
                await program.kill()


@pytest.mark.parametrize(
    ("flaws", "caught"),
    [
        (
            ("forget_events", "invent_occurrences"),
            ("event is stored twice", "event is decided twice", "event has two runs"),
        ),
        (("forget_dedupe_keys",), ("dedupe_key has two runs",)),
    ],
    ids=["forget_events,invent_occurrences", "forget_dedupe_keys"],
)
async def test_what_protects_is_missed(
    running: Installation, tmp_path: Path, flaws: Sequence[str], caught: Sequence[str]
) -> None:
    world = make_world(SEED, 30, 150, now())
    mine = [each for each in world.definitions if not IN_TURN & each.control.keys()]
    name = "_".join(["beside", *flaws])
    async with beside(running, tmp_path, name, flaws) as other:
        await other.api.apply("\n---\n".join([WORLD, *(each.text for each in mine)]))
        senders = Senders(other.api, "", SEED, pause=0)
        await senders.send(world.events)

        async def routed() -> bool:
            async with other.connection() as connection:
                rows = await connection.execute("select from pending_events limit 1")
                return rows.rowcount == 0

        await eventually(routed, "everything is routed")
        async with other.connection() as connection:
            ledgers = await read_tables(connection, senders.log)
    oracle = ask(mine, ledgers.sent)
    found = [*count_decisions(mine, ledgers, oracle), *broken(mine, ledgers, oracle)]
    assert [what for what in caught if not any(what in line for line in found)] == []


WORLD = '{"kind": "connection", "id": "world", "http": {"base_url": "http://127.0.0.1:1"}}'
