"""The SQL of the entrances."""

ENTRANCES = """
select l.kind, l.version, l.paused, l.retired, l.revision, l.reason, l.actor, l.at, e.document
from (
    select distinct on (kind, part_id) * from entrance_log
    where tenant = %(tenant)s and revision <= %(revision)s
    order by kind, part_id, revision desc
) l join entrances e using (tenant, kind, part_id, version)
order by l.kind, l.part_id
"""
PUBLISH = """
insert into entrances
    (tenant, kind, part_id, version, document, digest, published_at, published_by)
values (%(tenant)s, %(kind)s, %(part_id)s, %(version)s, %(document)s, %(digest)s, %(at)s,
    %(actor)s)
"""
LOG = """
insert into entrance_log
    (tenant, revision, kind, part_id, change, version, paused, retired, reason, actor, at)
select %(tenant)s, %(revision)s, l.*, %(actor)s, %(at)s
from unnest(%(kinds)s::text[], %(parts)s::text[], %(changes)s::text[], %(versions)s::int[],
    %(paused)s::boolean[], %(retired)s::boolean[], %(reasons)s::text[]) as l
"""
