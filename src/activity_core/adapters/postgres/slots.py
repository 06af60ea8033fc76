"""Schedule slots: decided once each, by whichever workflow asks first."""

from datetime import datetime

from activity_core.adapters.postgres.pool import Connection
from activity_core.core import ids
from activity_core.ports.run_ledger import SlotClaim

# The decision's key is what rivals race for; the rest follows from having made it.
_DECIDE = """
with entry as (
    select l.version, l.retired, l.paused, l.reason, l.actor,
        coalesce((d.document ->> 'enabled')::boolean, true) as enabled
    from registry_log l join activity_definitions d using (tenant, definition_id, version)
    where l.tenant = %(tenant)s and l.definition_id = %(definition)s
    order by l.revision desc limit 1
),
decision as (
    insert into decisions (tenant, input_key, definition_id, version, outcome, reason,
        occurrence_key, run_id, decided_at)
    select %(tenant)s, %(occurrence)s, %(definition)s, version,
        case when enabled and not paused and not retired then 'fired' else 'skipped' end,
        case
            when retired then 'retired'
            when paused then 'paused by ' || actor
                || case when reason <> '' then ': ' || reason else '' end
            when not enabled then 'disabled: the definition says enabled: false'
            else ''
        end,
        %(occurrence)s,
        case when enabled and not paused and not retired then %(run)s end, %(at)s
    from entry
    on conflict do nothing
    returning version, outcome
),
run as (
    insert into runs (tenant, run_id, definition_id, version, occurrence_key, trigger, status,
        scheduled_for, fired_at, touched_at)
    select %(tenant)s, %(run)s, %(definition)s, version, %(occurrence)s, 'schedule', 'pending',
        %(slot)s, %(at)s, %(at)s
    from decision where outcome = 'fired'
),
execution as (
    insert into executions (tenant, execution_id, workflow_id, created_at)
    select %(tenant)s, %(execution)s, %(workflow)s, %(at)s from decision where outcome = 'fired'
),
attempt as (
    insert into attempts (tenant, execution_id, run_id, attempt)
    select %(tenant)s, %(execution)s, %(run)s, 1 from decision where outcome = 'fired'
)
select outcome from decision
"""
_FIND = """
select execution_id from attempts join executions using (tenant, execution_id)
where tenant = %(tenant)s and run_id = %(run)s and workflow_id = %(workflow)s
"""


async def decide_slot(conn: Connection, tenant: str, claim: SlotClaim, at: datetime) -> str | None:
    """See `RunLedger.claim_slot`; one round trip for who comes first, two for the others."""
    occurrence = ids.occurrence_of_slot(claim.slot)
    run = ids.run_id(tenant, claim.definition_id, occurrence)
    execution = ids.execution_id([(run, 1)])
    values = {
        "tenant": tenant,
        "at": at,
        "definition": claim.definition_id,
        "slot": claim.slot,
        "occurrence": occurrence,
        "run": run,
        "execution": execution,
        "workflow": claim.workflow_id,
    }
    decided = await (await conn.execute(_DECIDE, values)).fetchone()
    if decided:
        return execution if decided["outcome"] == "fired" else None
    found = await (await conn.execute(_FIND, values)).fetchone()
    return None if found is None else str(found["execution_id"])
