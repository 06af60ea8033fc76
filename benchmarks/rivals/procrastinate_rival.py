"""Procrastinate: jobs are rows in PostgreSQL; one worker, 50 jobs at a time, woken by NOTIFY."""

import asyncio
from contextlib import suppress
from typing import Any

from procrastinate import App, PsycopgConnector
from psycopg_pool import AsyncConnectionPool

from benchmarks.rivals.orders import requests
from benchmarks.rivals.work import RECORD, Place, publish, row, stream

AT_ONCE = 50
HANDED_OUT = 100
"""Jobs per statement that defers them."""


async def main(at: Place) -> None:
    """Hand out orders and do them, until there are no more."""
    app = App(connector=PsycopgConnector(conninfo=at.database, max_size=10))
    nats = await stream(at.nats)
    async with AsyncConnectionPool(at.database, min_size=10) as pool, app.open_async():

        @app.task(name="check")
        async def check(order: dict[str, Any]) -> None:
            async with pool.connection() as conn:
                await conn.execute(RECORD, row(order))
            await publish(nats, order)

        await app.schema_manager.apply_schema_async()
        worker = asyncio.create_task(
            app.run_worker_async(
                concurrency=AT_ONCE,
                delete_jobs="successful",
                install_signal_handlers=False,
            )
        )
        async for orders in requests():
            for start in range(0, len(orders), HANDED_OUT):
                jobs = [{"order": order} for order in orders[start : start + HANDED_OUT]]
                await check.batch_defer_async(*jobs)
        worker.cancel()  # it ends the jobs that it has begun
        with suppress(asyncio.CancelledError):
            await worker
