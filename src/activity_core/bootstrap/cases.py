"""Cases of an installation: who rings them."""

from activity_core.bootstrap.stores import Stores
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.engine import Engine
from activity_core.services.case_starter import CaseStarter
from activity_core.services.loop import serve


async def ring_cases(
    stores: Stores, engine: Engine, clock: Clock, doorbell: Doorbell, *, period: float
) -> None:
    """Start and ring cases until cancelled."""
    agent = CaseStarter(stores.cases, stores.registry, engine, clock)
    await serve("case_starter", agent.step, doorbell, Topic.STARTER, period=period)
