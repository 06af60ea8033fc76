"""Flow states as rows: under the lock of their definition, with a copy of what they let through."""

from collections.abc import Mapping, Sequence

from activity_core.adapters.postgres.pool import Connection
from activity_core.core import ids
from activity_core.core.flow.group import FlowKey, Stage
from activity_core.core.flow.state_text import state_text
from activity_core.ports.flow import FlowRow

_LETTING_THROUGH = frozenset({Stage.ORDER, Stage.CONCURRENCY})

_NAMED = "unnest(%(definitions)b::text[], %(stages)b::text[], %(hashes)b::bytea[]"
STATES = f"""
select f.definition_id, f.stage, f.key, f.state::text as state
from {_NAMED}) as n (definition_id, stage, key_hash)
join flow_states f on f.tenant = %(tenant)s and f.definition_id = n.definition_id
    and f.stage = n.stage and f.key_hash = n.key_hash
"""  # noqa: S608 - constant parts
_FORGET = f"""
delete from flow_states f using {_NAMED}) as n (definition_id, stage, key_hash)
where f.tenant = %(tenant)s and f.definition_id = n.definition_id
    and f.stage = n.stage and f.key_hash = n.key_hash
"""  # noqa: S608 - constant parts
_KEEP = f"""
insert into flow_states (tenant, definition_id, stage, key_hash, key, state, wake_at)
select %(tenant)s, definition_id, stage, key_hash, key, state::json, wake_at
from {_NAMED}, %(keys)b::text[], %(states)b::text[], %(wakes)s::timestamptz[]
) as n (definition_id, stage, key_hash, key, state, wake_at)
on conflict (tenant, definition_id, stage, key_hash) do update
set state = excluded.state, wake_at = excluded.wake_at
"""  # noqa: S608 - constant parts
_OVER = f"""
delete from flow_slots s using {_NAMED}) as n (definition_id, stage, key_hash)
where s.tenant = %(tenant)s and s.definition_id = n.definition_id
    and s.stage = n.stage and s.key_hash = n.key_hash
    and not exists (
        select from unnest(%(let_stages)b::text[], %(let_hashes)b::bytea[], %(let_runs)b::text[])
            as l (stage, key_hash, run_id)
        where l.stage = s.stage and l.key_hash = s.key_hash and l.run_id = s.run_id)
"""  # noqa: S608 - constant parts
_LET_THROUGH = f"""
insert into flow_slots (tenant, definition_id, stage, key_hash, occurrence_key, run_id)
select %(tenant)s, n.* from {_NAMED}, %(occurrences)b::text[], %(runs)b::text[]) as n
on conflict do nothing
"""  # noqa: S608 - constant parts


async def write_states(conn: Connection, tenant: str, rows: Mapping[FlowKey, FlowRow]) -> None:
    """Keep the states that hold something, forget the others."""
    gone = [key for key, row in rows.items() if row.state.is_empty]
    if gone:
        await conn.execute(_FORGET, named(tenant, gone))
    kept = {key: row for key, row in rows.items() if not row.state.is_empty}
    if not kept:
        return
    values = named(tenant, list(kept)) | {
        "keys": [key.key for key in kept],
        "states": [state_text(row.state) for row in kept.values()],
        "wakes": [row.wake_at for row in kept.values()],
    }
    await conn.execute(_KEEP, values)
    letting = {key: row for key, row in kept.items() if key.stage in _LETTING_THROUGH}
    if letting:
        await _write_slots(conn, tenant, letting)


async def _write_slots(conn: Connection, tenant: str, rows: Mapping[FlowKey, FlowRow]) -> None:
    slots = [(key, occurrence) for key, row in rows.items() for occurrence in row.state.running]
    runs = [ids.run_id(tenant, key.definition_id, occurrence) for key, occurrence in slots]
    let = named(tenant, [key for key, _ in slots])
    stay = {"let_stages": let["stages"], "let_hashes": let["hashes"], "let_runs": runs}
    await conn.execute(_OVER, named(tenant, list(rows)) | stay)
    if slots:
        values = let | {"occurrences": [occurrence for _, occurrence in slots], "runs": runs}
        await conn.execute(_LET_THROUGH, values)


def named(tenant: str, keys: Sequence[FlowKey]) -> dict[str, object]:
    """The columns that name some states."""
    return {
        "tenant": tenant,
        "definitions": [key.definition_id for key in keys],
        "stages": [key.stage.value for key in keys],
        "hashes": [ids.digest(key.key) for key in keys],
    }
