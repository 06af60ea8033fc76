"""The SQL of the registry."""

REVISION = "select revision from registry_revisions where tenant = %(tenant)s"
LOCK = """
insert into registry_revisions as r (tenant, revision) values (%(tenant)s, 0)
on conflict (tenant) do update set revision = r.revision
returning revision
"""
ENTRIES = """
select distinct on (l.definition_id)
    l.definition_id, l.version, l.paused, l.retired, l.revision, l.reason, l.actor, l.at, l.rollout,
    d.document
from registry_log l
join activity_definitions d using (tenant, definition_id, version)
where l.tenant = %(tenant)s and l.revision > %(after)s and l.revision <= %(revision)s
order by l.definition_id, l.revision desc
"""
CONNECTIONS = "select document from connections where tenant = %(tenant)s order by connection_id"
VERSION = """
select document from activity_definitions
where tenant = %(tenant)s and definition_id = %(definition_id)s and version = %(version)s
"""
VERSIONS = """
select d.definition_id, d.version, d.document
from unnest(%(definitions)s::text[], %(versions)s::int[]) as w (definition_id, version)
join activity_definitions d on d.tenant = %(tenant)s and d.definition_id = w.definition_id
    and d.version = w.version
"""
# A new version of what is paused is a line of its own; whose pause it is stays what it was.
HISTORY = """
select l.definition_id, l.at, l.version, l.paused, l.retired,
    coalesce(p.reason, l.reason) as reason, coalesce(p.actor, l.actor) as actor, l.rollout
from unnest(%(definitions)s::text[], %(instants)s::timestamptz[]) as s (definition_id, instant)
join registry_log l on l.tenant = %(tenant)s and l.definition_id = s.definition_id
    and l.revision >= coalesce((
        select f.revision from registry_log f
        where f.tenant = %(tenant)s and f.definition_id = s.definition_id and f.at <= s.instant
        order by f.revision desc limit 1), 0)
left join lateral (
    select f.reason, f.actor from registry_log f
    where l.paused and not l.retired and f.tenant = l.tenant
        and f.definition_id = l.definition_id and f.revision <= l.revision and f.change = 'paused'
    order by f.revision desc limit 1
) p on true
order by l.definition_id, l.revision
"""
CALENDARS = "select document from calendars where tenant = %(tenant)s order by calendar_id"
PUBLISH = """
insert into activity_definitions
    (tenant, definition_id, version, document, digest, published_at, published_by)
values (%(tenant)s, %(definition_id)s, %(version)s, %(document)s, %(digest)s, %(at)s, %(actor)s)
"""
PUT_CONNECTION = """
insert into connections (tenant, connection_id, document, updated_at, updated_by)
values (%(tenant)s, %(connection_id)s, %(document)s, %(at)s, %(actor)s)
on conflict (tenant, connection_id) do update set
    document = excluded.document, updated_at = excluded.updated_at, updated_by = excluded.updated_by
"""
PUT_CALENDAR = """
insert into calendars (tenant, calendar_id, document, updated_at, updated_by)
values (%(tenant)s, %(calendar_id)s, %(document)s, %(at)s, %(actor)s)
on conflict (tenant, calendar_id) do update set
    document = excluded.document, updated_at = excluded.updated_at, updated_by = excluded.updated_by
"""
COUNT_UP = """
update registry_revisions set revision = revision + 1 where tenant = %(tenant)s returning revision
"""
LOG = """
insert into registry_log
    (tenant, revision, definition_id, change, version, paused, retired, reason, rollout, actor, at)
select %(tenant)s, %(revision)s, l.*, %(actor)s, %(at)s
from unnest(%(definitions)s::text[], %(changes)s::text[], %(versions)s::int[],
    %(paused)s::boolean[], %(retired)s::boolean[], %(reasons)s::text[], %(rollouts)s::jsonb[]) as l
"""
# Without a plan: that comes from the reconciler. Who has a cursor already goes on with it.
ACCOUNT_FOR_SLOTS = """
insert into slot_cursors (tenant, definition_id, plan, since, covered_until, audited_until)
select %(tenant)s, definition_id, '', %(since)s, %(since)s, %(since)s
from unnest(%(definitions)s::text[]) as d (definition_id)
order by definition_id
on conflict do nothing
"""
