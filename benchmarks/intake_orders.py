"""What is sent to the ways in: orders of 1.5 KiB as CloudEvents, their type, and their sources.

Read by `intake`, which has the entrances registered and the orders sent.
"""

import json
from collections.abc import Sequence

from activity_core.bootstrap.system import System
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.core.event.binding import STRUCTURED
from benchmarks.stack import apply, order_type

SENDER = "/bench/shop"
SOURCE = "bench"
EVENT_TYPE = "shop.order.placed"
HEADERS = {"content-type": STRUCTURED}
ENTRANCES = f"""
{order_type(EVENT_TYPE)}
---
kind: source
id: {SOURCE}
%s
allow: {{types: [shop.order.*], sources: [{SENDER}]}}
schema: required
"""


async def register(system: System, way: str) -> None:
    """The type of the orders, and the source `bench` that sends them by this way."""
    await apply(system, parse_definitions(ENTRANCES % way, file="bench.yaml"))


def orders(prefix: str, count: int) -> Sequence[bytes]:
    """CloudEvents in structured mode, whose ids begin with `prefix`."""
    return [_order(f"{prefix}-{number}") for number in range(count)]


def _order(order_id: str) -> bytes:
    items = [
        {"sku": f"sku-{number:05}", "title": f"Article number {number}", "count": number % 3 + 1}
        for number in range(1, 17)
    ]
    event = {
        "specversion": "1.0",
        "id": order_id,
        "source": SENDER,
        "type": EVENT_TYPE,
        "subject": order_id,
        "time": "2026-11-21T09:00:00Z",
        "datacontenttype": "application/json",
        "data": {
            "order_id": order_id,
            "customer": "c-4711",
            "amount": 1499.9,
            "currency": "EUR",
            "items": items,
            "ship_to": {"name": "Ada Example", "street": "Main Street 1", "city": "Berlin"},
            "note": "Please ring twice; the dog is friendly.",
        },
    }
    return json.dumps(event).encode()
