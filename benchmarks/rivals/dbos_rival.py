"""DBOS: a workflow per order with two steps, each checkpointed in PostgreSQL; 50 at a time."""

import asyncio
from typing import Any

from dbos import DBOS, SetWorkflowID
from psycopg_pool import AsyncConnectionPool

from benchmarks.rivals.orders import requests
from benchmarks.rivals.work import RECORD, Place, publish, row, stream

AT_ONCE = 50


async def main(at: Place) -> None:
    """Hand out orders and do them, until there are no more."""
    DBOS(
        config={
            "name": "rival",
            "system_database_url": at.database.replace("postgresql://", "postgresql+psycopg://"),
            "log_level": "WARNING",
        }
    )
    nats = await stream(at.nats)
    async with AsyncConnectionPool(at.database, min_size=10) as pool:

        @DBOS.step()
        async def record(order: dict[str, Any]) -> None:
            async with pool.connection() as conn:
                await conn.execute(RECORD, row(order))

        @DBOS.step()
        async def announce(order: dict[str, Any]) -> None:
            await publish(nats, order)

        @DBOS.workflow()
        async def check(order: dict[str, Any]) -> None:
            await record(order)
            await announce(order)

        DBOS.launch()
        gate = asyncio.Semaphore(AT_ONCE)

        async def start(order: dict[str, Any]) -> None:
            async with gate:
                with SetWorkflowID(order["order_id"]):
                    handle = await DBOS.start_workflow_async(check, order)
                await handle.get_result()

        async for orders in requests():
            await asyncio.gather(*map(start, orders))
        DBOS.destroy()
