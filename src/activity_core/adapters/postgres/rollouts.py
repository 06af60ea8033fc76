"""What became of the runs of candidates."""

from datetime import datetime

from activity_core.adapters.postgres.pool import Pool, connection
from activity_core.ports.rollouts import LOOKED_AT, RunTally

_TALLY = """
select count(*) as over, count(*) filter (where status <> 'completed') as failed
from (
    select version, status from runs
    where tenant = %(tenant)s and definition_id = %(definition)s and fired_at >= %(since)s
    order by fired_at desc, run_id desc limit %(limit)s
) newest
where version = %(version)s and status in ('completed', 'failed', 'compensated')
"""


class PostgresRollouts:
    """See `ports.rollouts.Rollouts`."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    async def tally(self, definition_id: str, version: int, since: datetime) -> RunTally:
        """See `Rollouts.tally`."""
        values = {
            "tenant": self._tenant,
            "definition": definition_id,
            "version": version,
            "since": since,
            "limit": LOOKED_AT,
        }
        async with connection(self._pool) as conn:
            row = await (await conn.execute(_TALLY, values)).fetchone()
        return RunTally(**row) if row else RunTally()
