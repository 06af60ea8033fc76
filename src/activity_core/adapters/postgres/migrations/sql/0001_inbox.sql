-- The inbox: keys hold uniqueness for a horizon, bodies are partitioned by day, the queue is narrow.

create table event_keys (
    tenant text not null,
    event_key bytea not null,
    digest bytea not null,
    received_at timestamptz not null,
    constraint event_keys_pkey primary key (tenant, event_key),
    constraint event_keys_are_hashes check (octet_length(event_key) = 32 and octet_length(digest) = 32)
);
create index event_keys_by_age on event_keys using brin (received_at);
comment on table event_keys is 'Which events came within the horizon, and the digest of the body that won.';
comment on constraint event_keys_pkey on event_keys is '(source, id) is accepted once within the horizon.';
comment on constraint event_keys_are_hashes on event_keys is 'Key and digest are SHA-256: 32 bytes each.';

create table events (
    tenant text not null,
    received_at timestamptz not null,
    event_key bytea not null,
    source text not null,
    event_id text not null,
    type text not null,
    subject text,
    occurred_at timestamptz,
    via text not null,
    body bytea not null,
    constraint events_pkey primary key (tenant, received_at, event_key)
) partition by range (received_at);
create table events_default partition of events default;
create index events_by_id on events (tenant, hashtextextended(event_id, 0));
comment on table events is 'Accepted events; the body is the canonical structured CloudEvent. One partition a day.';
comment on table events_default is 'Catches what falls on a day without a partition; empty when housekeeping runs.';
comment on constraint events_pkey on events is 'Serves the queue, the list (newest first) and its cursor; uniqueness lives in event_keys.';
comment on index events_by_id is 'A hash: ids may be longer than an index entry.';

create table pending_events (
    tenant text not null,
    position bigint generated always as identity,
    event_key bytea not null,
    received_at timestamptz not null,
    constraint pending_events_pkey primary key (tenant, position),
    constraint pending_events_wait_once unique (tenant, event_key)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
comment on table pending_events is 'The queue of the router: locked, then deleted. Narrow, because every event passes through.';
comment on constraint pending_events_pkey on pending_events is 'Oldest first; the position is not a commit order.';
comment on constraint pending_events_wait_once on pending_events is 'An event waits once; also tells lists what waits.';

create function total(counts jsonb) returns numeric immutable strict parallel safe language sql
    return (select coalesce(sum(value::numeric), 0) from jsonb_each_text(counts));
comment on function total is 'The sum of an object''s numbers, for the check of conservation.';

create table routings (
    tenant text not null,
    event_key bytea not null,
    revision bigint not null,
    listened int not null,
    counts jsonb not null,
    routed_at timestamptz not null,
    constraint routings_pkey primary key (tenant, event_key),
    constraint routings_listened_is_a_count check (listened >= 0 and revision >= 0),
    constraint routings_conserve check (total(counts) = listened)
);
comment on table routings is 'What became of an event in total, and by which revision of the registry.';
comment on constraint routings_pkey on routings is 'An event is routed once.';
comment on constraint routings_listened_is_a_count on routings is 'Counts are not negative.';
comment on constraint routings_conserve on routings is 'Every definition that listened has exactly one outcome.';

create table dead_letters (
    tenant text not null,
    dead_letter_id text not null,
    via text not null,
    subject text not null,
    code text not null,
    message text not null,
    headers json not null,
    body bytea not null,
    buried_at timestamptz not null,
    status text not null default 'open',
    resolved_by text not null default '',
    resolved_at timestamptz,
    constraint dead_letters_pkey primary key (tenant, dead_letter_id),
    constraint dead_letters_status_is_known check (status in ('open', 'replayed', 'discarded')),
    constraint dead_letters_open_means_unresolved check ((status = 'open') = (resolved_at is null))
);
create index dead_letters_newest_first on dead_letters (tenant, buried_at, dead_letter_id);
create index dead_letters_open on dead_letters (tenant) where status = 'open';
comment on table dead_letters is 'What could not be processed, with its reason and raw bytes.';
comment on constraint dead_letters_pkey on dead_letters is 'Burying twice is burying once.';
comment on constraint dead_letters_status_is_known on dead_letters is 'The words of ports.dead_letters.DeadLetterStatus.';
comment on constraint dead_letters_open_means_unresolved on dead_letters is 'Who resolves says when.';
