"""Batches over HTTP, against a bulk insert of the same rows from one process.

`activity-core api` runs as a process of its own, with the type of the events registered, so that
each is checked against its schema. The bulk insert is one connection's, one multi-row insert after
the other; `ingress` compares with as many connections as ours has.
"""

from activity_core.bootstrap.system import open_system
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.settings import Settings
from benchmarks.figure import Figure, in_turns
from benchmarks.load import sending
from benchmarks.stack import EVENT_TYPE, apply, order_type, program

BATCH = 200
CONNECTIONS = 8


async def figure(settings: Settings, *, events: int, goal: float) -> Figure:
    """So many events a round."""
    async with open_system(settings) as system:
        await apply(system, parse_definitions(order_type(EVENT_TYPE), file="bench.yaml"))
    async with program(settings, "api") as port:
        pairs = await in_turns(
            sending(
                "postgres", str(settings.database_url), events=events, batch=BATCH, connections=1
            ),
            sending("http", str(port), events=events, batch=BATCH, connections=CONNECTIONS),
        )
    return Figure.of(
        f"intake over HTTP, batches of {BATCH}",
        pairs,
        reference_name="multi-row inserts of the same rows on one connection",
        goal=goal,
        unit="events/s",
    )
