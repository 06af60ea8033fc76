"""Batches over HTTP, against a bulk insert of the same rows from one process.

`activity-core api` runs as a process of its own, with the type of the events registered, so that
each is checked against its schema. The bulk insert is one connection's, one multi-row insert after
the other; `ingress` compares with as many connections as ours has.
"""

from itertools import count

from activity_core.bootstrap.system import open_system
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.settings import Settings
from benchmarks.figure import Figure, Measure, in_turns
from benchmarks.load import Load, seconds
from benchmarks.stack import EVENT_TYPE, apply, program

BATCH = 200
CONNECTIONS = 8
TYPE = f"""
kind: event_type
id: order-created
type: {EVENT_TYPE}
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
_numbers = count()


async def figure(settings: Settings, *, events: int, goal: float) -> Figure:
    """So many events a round."""
    async with open_system(settings) as system:
        await apply(system, parse_definitions(TYPE, file="bench.yaml"))
    async with program(settings, "api") as port:
        pairs = await in_turns(
            _sending("postgres", str(settings.database_url), events, connections=1),
            _sending("http", str(port), events, connections=CONNECTIONS),
        )
    return Figure.of(
        f"intake over HTTP, batches of {BATCH}",
        pairs,
        reference_name="multi-row inserts of the same rows on one connection",
        goal=goal,
        unit="events/s",
    )


def _sending(target: str, address: str, events: int, *, connections: int) -> Measure:
    async def rate() -> float:
        load = Load(
            target=target,
            address=address,
            prefix=f"intake-{target}-{next(_numbers)}",
            events=events,
            batch=BATCH,
            connections=connections,
        )
        return events / await seconds(load)

    return rate
