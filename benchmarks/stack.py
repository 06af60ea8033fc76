"""Servers for a benchmark: durable as in production, in a directory that goes away.

Gives settings that point to them; a benchmark opens a system of its own over these, or starts
processes of the program with `program`.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx

from activity_core.adapters.postgres.housekeeping import PostgresHousekeeping
from activity_core.adapters.postgres.migrate import migrate
from activity_core.adapters.postgres.pool import open_pool
from activity_core.bootstrap.system import System
from activity_core.core.definition_file.bundle import Bundle
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.event.envelope import EventEnvelope
from activity_core.embedded.ports import choose_ports
from activity_core.embedded.stack import EmbeddedStack
from activity_core.services.registry import Registry
from activity_core.settings import Settings, load_settings

READY_WITHIN = 30  # seconds
EVENT_TYPE = "shop.order.created"
DEFINITION = f"""
id: check-order
title: Check an order
owner: shop
trigger:
  event: {{type: {EVENT_TYPE}, filter: event.data.amount > 100}}
context:
  order: {{event: event.data}}
rules:
  - id: expensive
    when: context.order.amount > 1000
    tasks:
      - id: check
        human: {{title: "Check order ${{context.order.order_id}}", assign: {{group: fraud}}}}
"""


@asynccontextmanager
async def servers() -> AsyncIterator[Settings]:
    """PostgreSQL, Temporal and NATS, migrated, while inside."""
    with tempfile.TemporaryDirectory(prefix="activity-core-bench-") as directory:
        async with EmbeddedStack(Path(directory), on_progress=_say) as stack:
            found = stack.addresses
            await asyncio.to_thread(migrate, str(found.postgres))
            async with open_pool(str(found.postgres), 2) as pool:
                await PostgresHousekeeping(pool).ensure_partitions(datetime.now(UTC))  # noqa: TID251 - a program of its own
            yield load_settings(
                database_url=found.postgres,
                temporal_address=found.temporal,
                nats_url=found.nats,
                deployment="bench",
            )


async def apply_definition(system: System) -> None:
    """Register the one definition of the benchmarks of events: one in, a human task out."""
    await apply(system, parse_definitions(DEFINITION, file="bench.yaml"))


async def apply(system: System, bundle: Bundle) -> None:
    """Register definitions, as the API does."""
    registry = Registry(system.stores.registry, system.doorbell, system.clock, config={})
    await registry.apply(bundle, "bench")


def order(event_id: str) -> EventEnvelope:
    """An event that the definition makes one task of."""
    return EventEnvelope(
        id=event_id,
        source="/bench/shop",
        type=EVENT_TYPE,
        subject=event_id,
        time=datetime(2026, 11, 21, 9, tzinfo=UTC),
        datacontenttype="application/json",
        data={
            "order_id": event_id,
            "customer": "c-4711",
            "amount": 1500,
            "currency": "EUR",
            "items": [{"sku": f"sku-{number}", "count": number} for number in range(1, 5)],
            "ship_to": {"name": "Ada Example", "street": "Main Street 1", "city": "Berlin"},
        },
    )


def order_type(event_type: str) -> str:
    """YAML of an event type that orders fit."""
    return f"""
kind: event_type
id: order
type: {event_type}
versions:
  - type: object
    required: [order_id, customer, amount, currency, items]
    properties:
      order_id: {{type: string, minLength: 1}}
      customer: {{type: string, pattern: "^c-[0-9]+$"}}
      amount: {{type: number, minimum: 0}}
      currency: {{enum: [EUR, USD]}}
      items:
        type: array
        items:
          type: object
          required: [sku, count]
          properties: {{sku: {{type: string}}, count: {{type: integer, minimum: 1}}}}
"""


@asynccontextmanager
async def program(settings: Settings, command: str) -> AsyncIterator[int]:
    """`activity-core COMMAND` as a process of its own, while inside; yields the port of its API."""
    [port] = choose_ports(["api"], demanded={}, preferred={}).values()
    environment = {
        **os.environ,
        "ACTIVITY_CORE_DATABASE_URL": str(settings.database_url),
        "ACTIVITY_CORE_TEMPORAL_ADDRESS": str(settings.temporal_address),
        "ACTIVITY_CORE_NATS_URL": str(settings.nats_url),
        "ACTIVITY_CORE_UNLISTED_SENDERS": "allow",
        "ACTIVITY_CORE_MAX_WAITING_EVENTS": "1000000000",  # alone, the API has nobody who routes
        "ACTIVITY_CORE_DEPLOYMENT": settings.deployment,
        "ACTIVITY_CORE_PORT": str(port),
    }
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("activity-core")), command, env=environment
    )
    try:
        await _until_ready(port)
        yield port
    finally:
        process.terminate()
        await process.wait()


async def _until_ready(port: int) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(READY_WITHIN):
        while True:
            with suppress(httpx.TransportError):
                if (await client.get(f"http://127.0.0.1:{port}/readyz")).is_success:
                    return
            await asyncio.sleep(0.05)


def _say(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)
