-- Flow control: what waits per definition, stage and key, and which events a run is to see.

create table flow_states (
    tenant text not null,
    definition_id text not null,
    stage text not null,
    key_hash bytea not null,
    key text not null,
    state json not null,
    wake_at timestamptz,
    constraint flow_states_pkey primary key (tenant, definition_id, stage, key_hash),
    constraint flow_states_stage_is_known check (
        stage in ('seen', 'collect', 'throttle', 'order', 'concurrency')),
    constraint flow_states_keys_are_hashed check (octet_length(key_hash) = 32)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
create index flow_states_by_wake on flow_states (tenant, wake_at) where wake_at is not null;
comment on table flow_states is 'What one stage of flow control holds for one key; whoever changes it has locked the definition. Empty ones are removed.';
comment on column flow_states.key is 'Canonical JSON of what the key expression gave; empty: it has none.';
comment on column flow_states.state is 'json, not jsonb: jsonb refuses \u0000.';
comment on column flow_states.wake_at is 'When somebody must look, even if nothing comes.';
comment on constraint flow_states_pkey on flow_states is 'One state per stage and key. A hash: keys may be longer than an index entry.';
comment on constraint flow_states_stage_is_known on flow_states is 'The words of core.flow.group.Stage.';
comment on constraint flow_states_keys_are_hashed on flow_states is 'SHA-256 has 32 bytes.';
comment on index flow_states_by_wake is 'What is due, longest ago first.';

create table flow_slots (
    tenant text not null,
    definition_id text not null,
    stage text not null,
    key_hash bytea not null,
    occurrence_key text not null,
    run_id text not null,
    constraint flow_slots_pkey primary key (tenant, definition_id, stage, key_hash, occurrence_key),
    constraint flow_slots_state_exists foreign key (tenant, definition_id, stage, key_hash)
        references flow_states on delete cascade,
    constraint flow_slots_stage_lets_through check (stage in ('order', 'concurrency'))
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
comment on table flow_slots is 'Which occurrences a state let through and has not seen the end of: a copy of what it says, so that those whose run is over are found by a join.';
comment on constraint flow_slots_pkey on flow_slots is 'An occurrence has one slot per state.';
comment on constraint flow_slots_state_exists on flow_slots is 'Slots go with their state.';
comment on constraint flow_slots_stage_lets_through on flow_slots is 'Only these two wait for runs to end.';

alter table run_events
    add column place int not null default 0,
    add column lead boolean not null default true,
    add column given boolean not null default true,
    add constraint run_events_place_counts_from_zero check (place >= 0),
    add constraint run_events_lead_is_given check (given or not lead);
comment on column run_events.place is 'The order in which the run has its events.';
comment on column run_events.lead is 'Whether it is the `event` of the run: its decision is `fired`.';
comment on column run_events.given is 'Whether the run sees it; the others were merged into it.';
comment on constraint run_events_place_counts_from_zero on run_events is 'The first is 0.';
comment on constraint run_events_lead_is_given on run_events is 'A run sees at least the event that leads.';

alter table decisions
    drop constraint decisions_name_their_run,
    add constraint decisions_name_their_run check (
        outcome not in ('fired', 'deduplicated', 'merged', 'late', 'caught_up', 'compressed')
        or run_id is not null or (outcome = 'deduplicated' and event_key is not null));
comment on constraint decisions_name_their_run on decisions is 'What led to a run, or joined one, names it; an event may repeat one that is held and has none yet.';
