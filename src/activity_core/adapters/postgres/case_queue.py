"""The queues of cases: runs that the router decided wait in order, and a doorbell says so.

Nobody waits for these statements: they travel with the router's commit.
"""

from collections.abc import Mapping

from activity_core.adapters.postgres.pool import Connection
from activity_core.core import ids

_QUEUE = """
with queued as (
    insert into case_runs (tenant, definition_id, key_hash, key, run_id)
    select %(tenant)s, definition_id, key_hash, key, run_id
    from unnest(%(definitions)b::text[], %(hashes)b::bytea[], %(keys)b::text[], %(runs)b::text[])
        with ordinality as q (definition_id, key_hash, key, run_id, place)
    order by place
    returning definition_id, key_hash
)
insert into case_bells (tenant, definition_id, key_hash)
select distinct %(tenant)s, definition_id, key_hash from queued
"""


async def queue_for_cases(
    conn: Connection, tenant: str, runs: Mapping[str, tuple[str, str]]
) -> None:
    """Queue runs in their order, by id with definition id and key; one doorbell per key."""
    if not runs:
        return
    values = {
        "tenant": tenant,
        "definitions": [definition_id for definition_id, _ in runs.values()],
        "hashes": [ids.digest(key) for _, key in runs.values()],
        "keys": [key for _, key in runs.values()],
        "runs": list(runs),
    }
    await conn.execute(_QUEUE, values)
