-- The registry: immutable versions, an append-only log of what was in force when, connections.

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;
comment on function refuse_change is 'For triggers of tables whose rows never change once written.';

create table activity_definitions (
    tenant text not null,
    definition_id text not null,
    version int not null,
    document jsonb not null,
    digest bytea not null,
    published_at timestamptz not null,
    published_by text not null,
    constraint activity_definitions_pkey primary key (tenant, definition_id, version),
    constraint activity_definitions_version_counts_from_one check (version >= 1),
    constraint activity_definitions_digest_is_sha256 check (octet_length(digest) = 32),
    constraint activity_definitions_document_names_it check (document ->> 'id' = definition_id)
);
create trigger activity_definitions_are_immutable before update or delete on activity_definitions
    for each row execute function refuse_change();
comment on table activity_definitions is 'Published versions. Runs finish on the one they pinned.';
comment on constraint activity_definitions_pkey on activity_definitions is 'A version is published once.';
comment on constraint activity_definitions_version_counts_from_one on activity_definitions is 'Versions are 1, 2, 3, …';
comment on constraint activity_definitions_digest_is_sha256 on activity_definitions is 'Equal digests need no new version; SHA-256 has 32 bytes.';
comment on constraint activity_definitions_document_names_it on activity_definitions is 'A document is never filed under another id.';
comment on trigger activity_definitions_are_immutable on activity_definitions is 'A published version never changes.';

create table registry_revisions (
    tenant text not null,
    revision bigint not null,
    constraint registry_revisions_pkey primary key (tenant),
    constraint registry_revisions_count_up check (revision >= 0)
);
comment on table registry_revisions is 'The newest revision; its row is the lock of whoever edits the registry.';
comment on constraint registry_revisions_pkey on registry_revisions is 'One counter, one lock.';
comment on constraint registry_revisions_count_up on registry_revisions is '0: nothing was ever applied.';

create table registry_log (
    tenant text not null,
    revision bigint not null,
    definition_id text not null,
    change text not null,
    version int not null,
    paused boolean not null,
    retired boolean not null,
    reason text not null,
    actor text not null,
    at timestamptz not null,
    constraint registry_log_pkey primary key (tenant, revision, definition_id),
    constraint registry_log_version_exists foreign key (tenant, definition_id, version)
        references activity_definitions,
    constraint registry_log_change_is_known check (change in ('published', 'paused', 'resumed', 'retired')),
    constraint registry_log_retired_means_retired check (change <> 'retired' or retired)
);
create index registry_log_by_definition on registry_log (tenant, definition_id, revision desc);
create trigger registry_log_is_append_only before update or delete on registry_log
    for each row execute function refuse_change();
comment on table registry_log is 'What each change left in force; the registry at revision R is the last line up to R per definition.';
comment on constraint registry_log_pkey on registry_log is 'A revision says one thing about a definition.';
comment on constraint registry_log_version_exists on registry_log is 'Only what was published can be in force.';
comment on constraint registry_log_change_is_known on registry_log is 'The words of ports.registry.Change.';
comment on constraint registry_log_retired_means_retired on registry_log is 'The word and the state agree.';
comment on trigger registry_log_is_append_only on registry_log is 'Old revisions can be read again for ever.';

create table connections (
    tenant text not null,
    connection_id text not null,
    document jsonb not null,
    updated_at timestamptz not null,
    updated_by text not null,
    constraint connections_pkey primary key (tenant, connection_id)
);
comment on table connections is 'Where SQL and HTTP sources live; secrets by reference only.';
comment on constraint connections_pkey on connections is 'The newest wins; connections are not versioned.';
