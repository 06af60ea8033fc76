"""Cases of an installation: the steps of their workers, who rings them, who looks after them."""

from activity_core.bootstrap.stores import Stores
from activity_core.ports.clock import Clock
from activity_core.ports.doorbell import Doorbell, Topic
from activity_core.ports.engine import Engine
from activity_core.services.case_keeper import CaseKeeper, CasePorts
from activity_core.services.case_starter import CaseStarter
from activity_core.services.catalogue import Catalogue
from activity_core.services.loop import serve
from activity_core.services.run_context import ContextReader
from activity_core.services.run_decider import RunDecider
from activity_core.workflows.case_steps import CaseSteps


def case_steps(  # noqa: PLR0917 - the parts of one installation
    stores: Stores,
    catalogue: Catalogue,
    reader: ContextReader,
    decider: RunDecider,
    clock: Clock,
    doorbell: Doorbell,
    *,
    tenant: str,
) -> CaseSteps:
    """What workers serve for cases."""
    ports = CasePorts(stores.cases, stores.run_ledger, catalogue, reader, decider)
    return CaseSteps(CaseKeeper(ports, clock, doorbell, tenant=tenant))


async def ring_cases(
    stores: Stores, engine: Engine, clock: Clock, doorbell: Doorbell, *, period: float
) -> None:
    """Start and ring cases until cancelled."""
    agent = CaseStarter(stores.cases, engine, clock)
    await serve("case_starter", agent.step, doorbell, Topic.STARTER, period=period)
