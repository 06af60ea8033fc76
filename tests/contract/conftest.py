"""The stores that the contract suites run over: the twin and the real one, behind one fixture."""

import hashlib
from collections.abc import AsyncIterator

import pytest
from tests.contract.stores import RECOVERY_RATE, Stores

from activity_core.adapters.memory.backfills import MemoryBackfills
from activity_core.adapters.memory.cases import MemoryCases
from activity_core.adapters.memory.dead_letters import MemoryDeadLetters
from activity_core.adapters.memory.event_replays import MemoryEventReplays
from activity_core.adapters.memory.flow import MemoryFlowStore
from activity_core.adapters.memory.inbox import MemoryInbox
from activity_core.adapters.memory.outbox import MemoryOutbox
from activity_core.adapters.memory.reading import MemoryReading
from activity_core.adapters.memory.refusals import MemoryRefusals
from activity_core.adapters.memory.registry import MemoryRegistryStore
from activity_core.adapters.memory.rollouts import MemoryRollouts
from activity_core.adapters.memory.run_control import MemoryRunControl
from activity_core.adapters.memory.run_ledger import MemoryRunLedger
from activity_core.adapters.memory.run_queue import MemoryRunQueue
from activity_core.adapters.memory.slot_ledger import MemorySlotLedger
from activity_core.adapters.memory.state import State
from activity_core.adapters.memory.task_desk import MemoryTaskDesk
from activity_core.adapters.memory.task_ledger import MemoryTaskLedger
from activity_core.adapters.postgres.backfills import PostgresBackfills
from activity_core.adapters.postgres.cases import PostgresCases
from activity_core.adapters.postgres.dead_letters import PostgresDeadLetters
from activity_core.adapters.postgres.event_replays import PostgresEventReplays
from activity_core.adapters.postgres.flow import PostgresFlowStore
from activity_core.adapters.postgres.inbox import PostgresInbox
from activity_core.adapters.postgres.outbox import PostgresOutbox
from activity_core.adapters.postgres.pool import open_pool
from activity_core.adapters.postgres.reading import PostgresReading
from activity_core.adapters.postgres.refusals import PostgresRefusals
from activity_core.adapters.postgres.registry import PostgresRegistryStore
from activity_core.adapters.postgres.rollouts import PostgresRollouts
from activity_core.adapters.postgres.run_control import PostgresRunControl
from activity_core.adapters.postgres.run_ledger import PostgresRunLedger
from activity_core.adapters.postgres.run_queue import PostgresRunQueue
from activity_core.adapters.postgres.slot_ledger import PostgresSlotLedger
from activity_core.adapters.postgres.task_desk import PostgresTaskDesk
from activity_core.adapters.postgres.task_ledger import PostgresTaskLedger


@pytest.fixture(params=["memory", "postgres"])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[Stores]:
    """Empty stores. Every test is its own tenant, so they may share a database."""
    tenant = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]
    if request.param == "memory":
        yield memory(tenant)
        return
    async with open_pool(request.getfixturevalue("postgres_url"), size=4) as pool:
        yield Stores(
            tenant=tenant,
            inbox=PostgresInbox(pool, tenant),
            run_queue=PostgresRunQueue(pool, tenant),
            run_control=PostgresRunControl(pool, tenant),
            rollouts=PostgresRollouts(pool, tenant),
            run_ledger=PostgresRunLedger(pool, tenant),
            task_ledger=PostgresTaskLedger(pool, tenant),
            task_desk=PostgresTaskDesk(pool, tenant),
            registry=PostgresRegistryStore(pool, tenant),
            outbox=PostgresOutbox(pool, tenant),
            dead_letters=PostgresDeadLetters(pool, tenant),
            reading=PostgresReading(pool, tenant),
            slots=PostgresSlotLedger(pool, tenant, RECOVERY_RATE),
            backfills=PostgresBackfills(pool, tenant),
            refusals=PostgresRefusals(pool, tenant),
            flow=PostgresFlowStore(pool, tenant),
            event_replays=PostgresEventReplays(pool, tenant),
            cases=PostgresCases(pool, tenant),
        )


def memory(tenant: str) -> Stores:
    """Every in-memory store on one state."""
    state = State(tenant)
    return Stores(
        tenant=tenant,
        inbox=MemoryInbox(state),
        run_queue=MemoryRunQueue(state),
        run_control=MemoryRunControl(state),
        rollouts=MemoryRollouts(state),
        run_ledger=MemoryRunLedger(state),
        task_ledger=MemoryTaskLedger(state),
        task_desk=MemoryTaskDesk(state),
        registry=MemoryRegistryStore(state),
        outbox=MemoryOutbox(state),
        dead_letters=MemoryDeadLetters(state),
        reading=MemoryReading(state),
        slots=MemorySlotLedger(state, RECOVERY_RATE),
        backfills=MemoryBackfills(state),
        refusals=MemoryRefusals(state),
        flow=MemoryFlowStore(state),
        event_replays=MemoryEventReplays(state),
        cases=MemoryCases(state),
    )
