"""Intakes: one intake per broker source that is active, as the registry has it now.

In: the entrances. Out: a running `intake` for each source, begun, replaced and ended as sources
are applied, paused and retired; what a paused source sends stays in its broker.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from activity_core.core.definition.event_source import EventSource
from activity_core.ports.entrances import Entrances
from activity_core.services.gate import Gate

log = structlog.get_logger(__name__)

BROKERS = frozenset({"nats", "kafka", "rabbitmq"})

Run = Callable[[EventSource | None], Awaitable[None]]
"""Consumes for a source (None: for the inbox stream) until cancelled."""
Plan = dict[str, EventSource | None]
"""What must run, by a name that changes when it must begin anew."""


class Intakes:
    """Looks after the intakes of one process.

    `inbox`: the NATS stream for whoever no source lists; None without NATS.
    """

    def __init__(self, gate: Gate, run: Run, *, inbox: str | None) -> None:
        self._gate = gate
        self._run = run
        self._inbox = inbox
        self._running: dict[str, asyncio.Task[None]] = {}

    async def step(self) -> bool:
        """Begin and end intakes until they are as the registry says.

        Raises:
            UnavailableError: the registry cannot be reached; what runs goes on.
        """
        wanted = plan(await self._gate.entrances(), self._inbox)
        for name in self._running.keys() - wanted.keys():
            log.info("intake_ends", intake=name)
            await self._end(name)
        for name in wanted.keys() - self._running.keys():
            log.info("intake_begins", intake=name)
            self._running[name] = asyncio.ensure_future(self._run(wanted[name]))
        return False

    @asynccontextmanager
    async def until_left(self) -> AsyncIterator["Intakes"]:
        """Whatever runs at the end is ended."""
        try:
            yield self
        finally:
            for name in list(self._running):
                await self._end(name)

    async def _end(self, name: str) -> None:
        task = self._running.pop(name)
        task.cancel()
        await asyncio.wait([task])


def plan(entrances: Entrances, inbox: str | None) -> Plan:
    """The sources to consume for; and the inbox stream, unless a source claims it."""
    wanted: Plan = {}
    claimed = False
    for source_id, entry in entrances.sources.items():
        source = entry.part
        if entry.retired or source.way not in BROKERS:
            continue
        claimed = claimed or (source.nats_ is not None and source.nats_.stream == inbox)
        if entry.status == "active":
            wanted[f"{source_id} v{entry.version}"] = source
    if inbox is not None and not claimed:
        wanted[inbox] = None
    return wanted
