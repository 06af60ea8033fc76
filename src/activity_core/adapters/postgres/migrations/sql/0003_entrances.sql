-- Entrances: event sources and event types, kept like definitions and counted by the same revisions.

create table entrances (
    tenant text not null,
    kind text not null,
    part_id text not null,
    version int not null,
    document json not null,
    digest bytea not null,
    published_at timestamptz not null,
    published_by text not null,
    constraint entrances_pkey primary key (tenant, kind, part_id, version),
    constraint entrances_kind_is_known check (kind in ('source', 'event_type')),
    constraint entrances_version_counts_from_one check (version >= 1),
    constraint entrances_digest_is_sha256 check (octet_length(digest) = 32),
    constraint entrances_document_names_it check (document ->> 'id' = part_id)
);
create trigger entrances_are_immutable before update or delete on entrances
    for each row execute function refuse_change();
comment on table entrances is 'Published versions of event sources and event types.';
comment on column entrances.document is 'As it was written: jsonb would respell the numbers of a schema, and so change its digest.';
comment on constraint entrances_pkey on entrances is 'A version is published once.';
comment on constraint entrances_kind_is_known on entrances is 'The words that files say after kind.';
comment on constraint entrances_version_counts_from_one on entrances is 'Versions are 1, 2, 3, …';
comment on constraint entrances_digest_is_sha256 on entrances is 'Equal digests need no new version; SHA-256 has 32 bytes.';
comment on constraint entrances_document_names_it on entrances is 'A document is never filed under another id.';
comment on trigger entrances_are_immutable on entrances is 'A published version never changes.';

create table entrance_log (
    tenant text not null,
    revision bigint not null,
    kind text not null,
    part_id text not null,
    change text not null,
    version int not null,
    paused boolean not null,
    retired boolean not null,
    reason text not null,
    actor text not null,
    at timestamptz not null,
    constraint entrance_log_pkey primary key (tenant, revision, kind, part_id),
    constraint entrance_log_version_exists foreign key (tenant, kind, part_id, version)
        references entrances,
    constraint entrance_log_change_is_known check (change in ('published', 'paused', 'resumed', 'retired')),
    constraint entrance_log_retired_means_retired check (change <> 'retired' or retired),
    constraint entrance_log_only_sources_are_paused check (kind = 'source' or not paused)
);
create index entrance_log_by_part on entrance_log (tenant, kind, part_id, revision desc);
create trigger entrance_log_is_append_only before update or delete on entrance_log
    for each row execute function refuse_change();
comment on table entrance_log is 'What each change left in force; the revisions are those of registry_revisions.';
comment on constraint entrance_log_pkey on entrance_log is 'A revision says one thing about a source or type.';
comment on constraint entrance_log_version_exists on entrance_log is 'Only what was published can be in force.';
comment on constraint entrance_log_change_is_known on entrance_log is 'The words of ports.entrances.Change.';
comment on constraint entrance_log_retired_means_retired on entrance_log is 'The word and the state agree.';
comment on constraint entrance_log_only_sources_are_paused on entrance_log is 'A schema cannot wait.';
comment on trigger entrance_log_is_append_only on entrance_log is 'Old revisions can be read again for ever.';
