"""A simulation says what routing would, over the twin and the real stores, and writes nothing."""

from copy import deepcopy
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.contract.stores import AT, Stores, event

from activity_core.adapters.memory.clock import ManualClock
from activity_core.adapters.memory.doorbell import MemoryDoorbell
from activity_core.adapters.memory.reading import MemoryReading
from activity_core.core.definition_file.parse import parse_definitions
from activity_core.services.flow import FlowControl
from activity_core.services.gate import Gate
from activity_core.services.listeners import Listeners
from activity_core.services.registry import Registry
from activity_core.services.router import Router
from activity_core.services.simulated_routing import SimulatedRouting
from activity_core.services.simulation import Simulation

RULES = "rules: [{id: r, tasks: [{id: t, human: {title: T}}]}]"
CONTROLS = {
    "plain": "",
    "filtered": ", filter: event.data.none == 1",
    "batched": ", batch: {max_size: 2, max_wait: 10s}",
    "bursts": ", debounce: {quiet: 10s}",
    "delayed": ", throttle: {limit: 1, per: 1h}",
    "dropped": ", throttle: {limit: 1, per: 1h, excess: drop}",
    "ordered": ", order: {}",
    "queued": ", concurrency: {limit: 1}",
    "displacing": ", concurrency: {limit: 1, when_full: cancel_oldest}",
}
DEFINITIONS = "\n---\n".join(
    f"id: {name}\ntrigger: {{event: {{type: order.created{control}}}}}\n{RULES}"
    for name, control in CONTROLS.items()
)


class Scene:
    """A router and a simulation side by side."""

    def __init__(self, stores: Stores, postgres_url: str | None) -> None:
        self.stores = stores
        self._url = postgres_url
        bell, clock = MemoryDoorbell(), ManualClock(AT)
        control = FlowControl(tenant=stores.tenant, deployment="test")
        self.registry = Registry(stores.registry, bell, clock, config={})
        self.router = Router(stores.inbox, Listeners(stores.registry), control, clock, bell)
        self.simulation = Simulation(
            self.registry,
            stores.registry,
            stores.reading,
            Gate(stores.registry, clock, unlisted=True),
            SimulatedRouting(
                stores.registry,
                stores.reading,
                stores.flow,
                control,
                clock,
                tenant=stores.tenant,
                config={},
            ),
        )

    async def tables(self) -> Any:
        """All that is stored."""
        if isinstance(self.stores.reading, MemoryReading):
            return deepcopy(self.stores.reading._state.tables)
        assert self._url is not None
        async with await psycopg.AsyncConnection.connect(self._url) as link:
            found = await link.execute(
                "select table_name from information_schema.columns"
                " where table_schema = 'public' and column_name = 'tenant'"
            )
            names = sorted(row[0] for row in await found.fetchall())
            everything = {}
            for name in names:
                rows = await link.execute(
                    sql.SQL("select to_jsonb(t)::text from {} t where tenant = %s").format(
                        sql.Identifier(name)
                    ),
                    [self.stores.tenant],
                )
                everything[name] = sorted(row[0] for row in await rows.fetchall())
        return everything


@pytest.fixture
async def scene(stores: Stores, request: pytest.FixtureRequest) -> Scene:
    is_memory = isinstance(stores.reading, MemoryReading)
    scene = Scene(stores, None if is_memory else request.getfixturevalue("postgres_url"))
    await scene.registry.apply(parse_definitions(DEFINITIONS, file="t"), "ann")
    return scene


async def test_it_says_what_routing_says_and_writes_nothing(scene: Scene):
    told: list[dict[str, str]] = []
    decided: list[dict[str, str]] = []
    for n in range(3):
        coming = event(str(n))
        before = await scene.tables()
        answer: Any = await scene.simulation.event(coming)
        assert await scene.tables() == before
        told.append({each["definition_id"]: each["outcome"] for each in answer["verdicts"]})
        await scene.stores.accept(coming)
        while await scene.router.step():
            pass
        row: Any = await scene.stores.reading.event(coming.source, coming.id)
        outcomes = {each["definition_id"]: each["outcome"] for each in row["decisions"]}
        decided.append({"filtered": "filtered"} | outcomes)
    assert told == decided
    assert {"fired", "held", "throttled", "filtered"} <= {
        each for one in told for each in one.values()
    }


async def test_drafts_leave_no_trace(scene: Scene):
    before = await scene.tables()
    drafts = parse_definitions(DEFINITIONS.replace("order.created", "order.*"), file="t")
    answer: Any = await scene.simulation.event(event("1"), drafts=drafts)
    assert {each["version"] for each in answer["verdicts"]} == {2}
    assert await scene.tables() == before
