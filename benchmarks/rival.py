"""Rivals as the benchmarks see them: so many orders in, as many events out of a NATS stream.

Each is a process of `benchmarks.rivals` in the virtual environment `.rivals`, with a database of
its own on the same PostgreSQL server, and a Redis that only Celery uses. All servers listen on
127.0.0.1 and are gone afterwards.
"""

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import nats
import psycopg
from nats.aio.msg import Msg
from psycopg import sql

from activity_core.embedded.ports import LOOPBACK, choose_ports
from activity_core.settings import Settings
from benchmarks.figure import Measure
from benchmarks.rivals.work import SUBJECT, TABLE

ROOT = Path(__file__).parent.parent
PYTHON = ROOT / ".rivals" / "bin" / "python"
RIVALS = ("celery", "procrastinate", "dbos")
PATIENCE = 120.0
"""Seconds until a rival that is not ready, or not done, is given up."""

_numbers = count()


@asynccontextmanager
async def redis() -> AsyncIterator[str]:
    """Redis with its log written every second, as its makers recommend; yields its URL."""
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("redis-server is missing; on Debian and Ubuntu: apt-get install it")
    [port] = choose_ports(["redis"], demanded={}, preferred={}).values()
    with tempfile.TemporaryDirectory(prefix="activity-core-redis-") as directory:
        process = await asyncio.create_subprocess_exec(
            *(program, "--bind", LOOPBACK, "--port", str(port), "--dir", directory),
            *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            yield f"redis://{LOOPBACK}:{port}/0"
        finally:
            process.terminate()
            await process.wait()


@asynccontextmanager
async def rival(
    name: str, settings: Settings, redis_url: str
) -> AsyncIterator[asyncio.StreamWriter]:
    """A rival with its workers, ready for work while inside."""
    place = {
        "database": await _database(str(settings.database_url), f"rival_{name}"),
        "nats": str(settings.nats_url),
        "redis": redis_url,
    }
    process = await asyncio.create_subprocess_exec(
        *(str(PYTHON), "-m", "benchmarks.rivals", name, json.dumps(place)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    try:
        async with asyncio.timeout(PATIENCE):
            while (await process.stdout.readline()).strip() != b"ready":
                if process.stdout.at_eof():
                    raise RuntimeError(f"{name} ended")
        yield process.stdin
        process.stdin.close()
        async with asyncio.timeout(PATIENCE):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def counted(settings: Settings) -> AsyncIterator[asyncio.Queue[Msg]]:
    """Events of rivals as they arrive, on a stream that is theirs."""
    arrived: asyncio.Queue[Msg] = asyncio.Queue()
    client = await nats.connect(str(settings.nats_url))
    try:
        await client.jetstream().add_stream(name="RIVALS", subjects=["rivals.>"])
        await client.subscribe(SUBJECT, cb=arrived.put)
        yield arrived
    finally:
        await client.close()


def rate_of(line: asyncio.StreamWriter, arrived: asyncio.Queue[Msg], orders: int) -> Measure:
    """Orders a second, from handing out the first until the last event has arrived."""

    async def rate() -> float:
        began = time.perf_counter()
        line.write(f"r{next(_numbers)} {orders}\n".encode())
        async with asyncio.timeout(PATIENCE):
            seen: set[str] = set()
            while len(seen) < orders:
                seen.add(json.loads((await arrived.get()).data)["id"])
        return orders / (time.perf_counter() - began)

    return rate


async def _database(url: str, name: str) -> str:
    """A new one with the table for tasks; its URL."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        await conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    own = url.rpartition("/")[0] + "/" + name
    async with await psycopg.AsyncConnection.connect(own, autocommit=True) as conn:
        await conn.execute(TABLE)
    return own
