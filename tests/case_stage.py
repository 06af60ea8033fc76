"""Ongoing definitions over in-memory stores: events in, cases taken, and short ways to ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.core_stage import CONFIG, CoreStage

from activity_core.adapters.memory.cases import MemoryCases
from activity_core.adapters.memory.inbox import MemoryInbox
from activity_core.core import ids
from activity_core.core.case.progress import CaseProgress
from activity_core.core.event.envelope import EventEnvelope
from activity_core.ports.inbox import Arrival
from activity_core.ports.reading import Row
from activity_core.services.case_keeper import CaseKeeper, CasePorts
from activity_core.services.catalogue import Catalogue
from activity_core.services.flow import FlowControl
from activity_core.services.listeners import Listeners
from activity_core.services.router import Router
from activity_core.services.run_context import ContextReader
from activity_core.services.run_decider import RunDecider

FOLLOW = """
id: follow
lifecycle: ongoing
correlation: event.data.order
trigger: {event: {type: "order.*"}}
state:
  initial: {seen: [], late: 0}
  update: >-
    {"seen": state.seen + (timer == "" ? [event.id] : []),
     "late": state.late + (timer == "" ? 0 : 1)}
timers:
  reminder: {after: 1h}
ends_when: event.type == "order.done"
rules:
  - id: every
    tasks:
      - id: look
        human: {title: "${timer}${event.type} of ${string(size(state.seen))}"}
"""


@dataclass
class CaseStage(CoreStage):
    """One tenant; every property is as in another process."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.cases = MemoryCases(self.state)
        self.inbox = MemoryInbox(self.state)

    @property
    def keeper(self) -> CaseKeeper:
        catalogue = Catalogue(self.store)
        reader = ContextReader({"sql": self.source, "http": self.source}, catalogue, CONFIG)
        decider = RunDecider(reader, config=CONFIG, deployment="test")
        ports = CasePorts(self.cases, self.ledger, catalogue, reader, decider)
        return CaseKeeper(ports, self.clock, self.doorbell, tenant=self.state.tenant)

    async def send(self, id_: str, type_: str = "order.new", order: str = "o", **data: Any) -> str:
        """One event, routed now; the id of its run."""
        envelope = EventEnvelope(id=id_, source="/shop", type=type_, data={"order": order, **data})
        key = ids.event_key(self.state.tenant, envelope.source, id_)
        await self.inbox.accept([Arrival(envelope, key, "http")], self.clock.now())
        listeners = Listeners(self.store)
        control = FlowControl(tenant=self.state.tenant, deployment="test")
        router = Router(self.inbox, listeners, control, self.clock, self.doorbell)
        while await router.step():
            pass
        return ids.run_id(
            self.state.tenant, "follow", ids.occurrence_of_event(envelope.source, id_)
        )

    async def rung(self) -> list[str]:
        """Cases that have something queued, opened if need be."""
        rings = await self.cases.rings(1_000, self.clock.now())
        await self.cases.drop_rings(rings)
        return [ring.case_id for ring in rings]

    async def opened(self, id_: str = "1", **event: Any) -> str:
        """The case of one event."""
        await self.send(id_, **event)
        [case_id] = await self.rung()
        return case_id

    async def take(self, case_id: str, limit: int = 50) -> CaseProgress:
        return await self.keeper.take(case_id, limit)

    async def state_of(self, case_id: str) -> Mapping[str, Any]:
        state: Any = (await self.show(case_id))["state"]
        return dict(state)

    async def show(self, case_id: str) -> Row:
        return await self.cases.show(case_id)

    def pass_time(self, **span: float) -> None:
        self.clock.advance(timedelta(**span))

    def titles(self) -> list[str]:
        """Of all tasks, in the order in which they were recorded."""
        return [row.task.title for row in self.state.tables.tasks.values()]
