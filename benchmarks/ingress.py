"""Durable ingest over HTTP, against inserting the same rows and nothing else.

`activity-core api` runs as a process of its own, as in production; what sends is another one. Both
sides commit durably and work on as many connections.
"""

from collections.abc import Sequence

from benchmarks.figure import Figure, in_turns
from benchmarks.load import sending
from benchmarks.stack import program, servers


async def measure() -> Sequence[Figure]:
    """Single events, and batches of 100."""
    async with servers() as settings, program(settings, "api") as port:
        database = str(settings.database_url)

        async def figure(
            name: str, *, events: int, batch: int, connections: int, goal: float
        ) -> Figure:
            size = {"events": events, "batch": batch, "connections": connections}
            pairs = await in_turns(
                sending("postgres", database, **size), sending("http", str(port), **size)
            )
            return Figure.of(
                name,
                pairs,
                reference_name="bare PostgreSQL inserts of the same rows",
                goal=goal,
                unit="events/s",
            )

        return [
            await figure("ingress, single events", events=4_000, batch=1, connections=32, goal=0.3),
            await figure(
                "ingress, batches of 100", events=30_000, batch=100, connections=8, goal=0.5
            ),
        ]
