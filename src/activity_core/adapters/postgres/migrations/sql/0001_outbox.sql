-- The outbox: rows of one key leave in the order of their commits.

create table outbox (
    tenant text not null,
    event_id text not null,
    position bigint generated always as identity,
    key text not null,
    type text not null,
    subject text not null,
    body bytea not null,
    created_at timestamptz not null,
    constraint outbox_pkey primary key (tenant, event_id)
);
create index outbox_by_key on outbox (tenant, key, position);
comment on table outbox is 'Events that went out or will; the body is a structured CloudEvent.';
comment on column outbox.position is 'Order of leaving within a key: writers hold the lock of the run whose id is the key.';
comment on constraint outbox_pkey on outbox is 'Ids are derived, so what is announced twice leaves once.';

create table pending_outbox (
    tenant text not null,
    position bigint not null,
    shard smallint not null,
    key text not null,
    event_id text not null,
    attempts int not null default 0,
    retry_at timestamptz,
    last_error text,
    constraint pending_outbox_pkey primary key (tenant, position),
    constraint pending_outbox_event_exists foreign key (tenant, event_id) references outbox,
    constraint pending_outbox_shard_is_known check (shard between 0 and 15),
    constraint pending_outbox_setback_is_whole check (
        (attempts > 0) = (retry_at is not null) and (attempts > 0) = (last_error is not null))
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
create index pending_outbox_by_shard on pending_outbox (tenant, shard, position);
create index pending_outbox_in_back_off on pending_outbox (tenant, key, position) where retry_at is not null;
comment on table pending_outbox is 'The queue of the relay, in order of the outbox positions.';
comment on column pending_outbox.shard is 'Derived from the key; a relay locks shards, so one at a time publishes a key.';
comment on constraint pending_outbox_pkey on pending_outbox is 'Oldest first.';
comment on constraint pending_outbox_event_exists on pending_outbox is 'What waits has a body to send.';
comment on constraint pending_outbox_shard_is_known on pending_outbox is 'Every shard is one that relays look at.';
comment on constraint pending_outbox_setback_is_whole on pending_outbox is 'What failed says how often, why, and when it is tried again.';
