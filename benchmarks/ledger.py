"""What the decision ledger costs the router: with its rows, and with everything but these.

Events lie in the inbox; the real router over the real stores routes them, in this process, until
the inbox is empty. Without the ledger the same transactions write runs, their events and their
turns, and take the events off the inbox, but neither decisions nor routings.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from datetime import datetime
from itertools import count
from unittest.mock import patch

from activity_core.adapters.postgres.routing_batch import PostgresRoutingBatch
from activity_core.bootstrap.system import System, open_system
from activity_core.core import ids
from activity_core.core.decision import Routing
from activity_core.core.event.envelope import EventEnvelope
from activity_core.core.flow.verdict import Verdict
from activity_core.core.jsontext import JsonValue
from activity_core.ports.inbox import Arrival
from activity_core.services.listeners import Listeners
from activity_core.services.router import Router
from benchmarks.figure import Figure, Measure, in_turns
from benchmarks.stack import apply_definition, order, servers

EVENTS = 10_000
"""Per round."""
AT_ONCE = 500
"""Accepted by one statement, before the clock starts."""

_TAKE_OFF = """
delete from pending_events where tenant = %(tenant)s and position = any(%(positions)s::bigint[])
"""

_numbers = count()


async def measure() -> Sequence[Figure]:
    """Events that fire a run each, and events that the only filter keeps out."""
    async with servers() as settings, open_system(settings) as system:
        await apply_definition(system)
        return [
            await _figure("ledger, every event fires", system, amount=1_500),
            await _figure("ledger, every event is filtered", system, amount=50),
        ]


async def _figure(name: str, system: System, *, amount: int) -> Figure:
    pairs = await in_turns(
        _routing(system, amount, _without_ledger), _routing(system, amount, nullcontext)
    )
    return Figure.of(
        name, pairs, reference_name="the same without the ledger", goal=0.85, unit="events/s"
    )


def _routing(
    system: System, amount: int, ledger: Callable[[], AbstractContextManager[object]]
) -> Measure:
    router = Router(
        system.stores.inbox,
        Listeners(system.stores.registry),
        system.flow_control(),
        system.clock,
        system.doorbell,
    )

    async def rate() -> float:
        await _accept(system, amount)
        with ledger():
            began = time.perf_counter()
            while await router.step():
                pass
            seconds = time.perf_counter() - began
        assert not await system.stores.inbox.depth()
        return EVENTS / seconds

    return rate


async def _accept(system: System, amount: int) -> None:
    numbers = [f"ledger-{next(_numbers)}" for _ in range(EVENTS)]
    for first in range(0, EVENTS, AT_ONCE):
        envelopes = [_order(number, amount) for number in numbers[first : first + AT_ONCE]]
        arrivals = [
            Arrival(each, ids.event_key(system.settings.tenant, each.source, each.id), "http")
            for each in envelopes
        ]
        await system.stores.inbox.accept(arrivals, system.clock.now())


def _order(number: str, amount: JsonValue) -> EventEnvelope:
    envelope = order(number)
    assert isinstance(envelope.data, dict)
    return replace(envelope, data=envelope.data | {"amount": amount})


class _WithoutRoutings(PostgresRoutingBatch):
    """Events go off the inbox, and nothing is said about them."""

    async def _write_routings(
        self,
        arrived: Mapping[str, Routing],
        verdicts: Sequence[Verdict],  # noqa: ARG002 - as what it replaces
        at: datetime,  # noqa: ARG002 - as what it replaces
    ) -> None:
        positions = [routing.event.position for routing in arrived.values()]
        await self._conn.execute(_TAKE_OFF, {"tenant": self._tenant, "positions": positions})


async def _no_decisions(writing: object, verdicts: Sequence[Verdict]) -> None:
    """In the place of what writes them."""


def _without_ledger() -> AbstractContextManager[object]:
    adapter = "activity_core.adapters.postgres"
    stack = ExitStack()
    stack.enter_context(patch(f"{adapter}.inbox.PostgresRoutingBatch", _WithoutRoutings))
    stack.enter_context(patch(f"{adapter}.decided._Writing.decisions", _no_decisions))
    return stack
