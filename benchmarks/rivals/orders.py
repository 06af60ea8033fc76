"""What a rival is told to do: a line `PREFIX NUMBER` on its input, as many orders to hand out.

`ready` on its output says that its workers are there.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any


def order(order_id: str) -> dict[str, Any]:
    """As in `benchmarks.stack`."""
    return {
        "order_id": order_id,
        "customer": "c-4711",
        "amount": 1500,
        "currency": "EUR",
        "items": [{"sku": f"sku-{number}", "count": number} for number in range(1, 5)],
        "ship_to": {"name": "Ada Example", "street": "Main Street 1", "city": "Berlin"},
    }


async def requests() -> AsyncIterator[list[dict[str, Any]]]:
    """Orders of one line after the other, until the input ends."""
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        prefix, number = line.split()
        yield [order(f"{prefix}-{each}") for each in range(int(number))]
