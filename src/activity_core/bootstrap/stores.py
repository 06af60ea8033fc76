"""The store ports over one PostgreSQL database."""

from dataclasses import dataclass

from activity_core.adapters.postgres.backfills import PostgresBackfills
from activity_core.adapters.postgres.cases import PostgresCases
from activity_core.adapters.postgres.dead_letters import PostgresDeadLetters
from activity_core.adapters.postgres.event_replays import PostgresEventReplays
from activity_core.adapters.postgres.flow import PostgresFlowStore
from activity_core.adapters.postgres.inbox import PostgresInbox
from activity_core.adapters.postgres.outbox import PostgresOutbox
from activity_core.adapters.postgres.pool import Pool
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


@dataclass(frozen=True, slots=True)
class Stores:
    """The store ports over one PostgreSQL database."""

    inbox: PostgresInbox
    run_queue: PostgresRunQueue
    run_control: PostgresRunControl
    rollouts: PostgresRollouts
    run_ledger: PostgresRunLedger
    task_ledger: PostgresTaskLedger
    task_desk: PostgresTaskDesk
    cases: PostgresCases
    registry: PostgresRegistryStore
    outbox: PostgresOutbox
    dead_letters: PostgresDeadLetters
    reading: PostgresReading
    slots: PostgresSlotLedger
    backfills: PostgresBackfills
    refusals: PostgresRefusals
    flow: PostgresFlowStore
    event_replays: PostgresEventReplays

    @classmethod
    def over(cls, pool: Pool, tenant: str, *, recovery_rate: float) -> "Stores":
        """All of them, for one tenant; `recovery_rate` in runs a second, see the slot ledger."""
        return cls(
            PostgresInbox(pool, tenant),
            PostgresRunQueue(pool, tenant),
            PostgresRunControl(pool, tenant),
            PostgresRollouts(pool, tenant),
            PostgresRunLedger(pool, tenant),
            PostgresTaskLedger(pool, tenant),
            PostgresTaskDesk(pool, tenant),
            PostgresCases(pool, tenant),
            PostgresRegistryStore(pool, tenant),
            PostgresOutbox(pool, tenant),
            PostgresDeadLetters(pool, tenant),
            PostgresReading(pool, tenant),
            PostgresSlotLedger(pool, tenant, recovery_rate),
            PostgresBackfills(pool, tenant),
            PostgresRefusals(pool, tenant),
            PostgresFlowStore(pool, tenant),
            PostgresEventReplays(pool, tenant),
        )
