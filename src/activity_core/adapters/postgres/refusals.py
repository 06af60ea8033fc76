"""Refusals: rows that are only appended; `housekeeping` forgets them."""

from collections.abc import Sequence
from dataclasses import fields

from activity_core.adapters.postgres.pool import Pool, connection
from activity_core.ports.refusals import Refusal

_RECORD = """
insert into refusals
    (tenant, refused_at, via, sender, code, message, event_source, event_id, event_type,
    dead_letter_id)
select %(tenant)s, r.*
from unnest(%(refused_at)s::timestamptz[], %(via)s::text[], %(sender)s::text[], %(code)s::text[],
    %(message)s::text[], %(event_source)s::text[], %(event_id)s::text[], %(event_type)s::text[],
    %(dead_letter_id)s::text[]) as r
"""


class PostgresRefusals:
    """See `ports.refusals.Refusals`."""

    def __init__(self, pool: Pool, tenant: str) -> None:
        self._pool = pool
        self._tenant = tenant

    async def record(self, refusals: Sequence[Refusal]) -> None:
        """See `Refusals.record`."""
        rows = [refusal.kept() for refusal in refusals]
        columns = {each.name: [getattr(row, each.name) for row in rows] for each in fields(Refusal)}
        async with connection(self._pool) as conn:
            await conn.execute(_RECORD, {"tenant": self._tenant, **columns})
