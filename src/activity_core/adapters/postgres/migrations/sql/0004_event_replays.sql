-- Replays of recorded events for one definition, how far they are, and letters of one definition.

create table event_replays (
    tenant text not null,
    replay_id text not null,
    definition_id text not null,
    since timestamptz not null,
    until timestamptz not null,
    rate double precision not null,
    actor text not null,
    reason text not null,
    status text not null default 'running',
    reached_at timestamptz not null,
    reached_key bytea not null default '',
    looked_at bigint not null default 0,
    existing bigint not null default 0,
    matched bigint not null default 0,
    fired bigint not null default 0,
    next_at timestamptz not null,
    requested_at timestamptz not null,
    finished_at timestamptz,
    constraint event_replays_pkey primary key (tenant, replay_id),
    constraint event_replays_range_is_one check (since <= until),
    constraint event_replays_let_some_through check (rate > 0),
    constraint event_replays_status_is_known check (status in ('running', 'completed', 'stopped')),
    constraint event_replays_over_means_finished check ((status = 'running') = (finished_at is null)),
    constraint event_replays_count_what_they_saw check (
        existing >= 0 and matched >= 0 and fired >= 0 and existing + matched <= looked_at)
);
create unique index event_replays_one_at_a_time on event_replays (tenant, definition_id)
    where status = 'running';
create index event_replays_running on event_replays (tenant, next_at) where status = 'running';
create index event_replays_newest_first on event_replays (tenant, requested_at, replay_id);
create index event_replays_by_definition on event_replays (tenant, definition_id, requested_at, replay_id);
comment on table event_replays is 'Requests to judge recorded events again; the row is the lock of whoever takes a page.';
comment on column event_replays.reached_at is 'With reached_key, the last event that was judged.';
comment on column event_replays.next_at is 'No page before then: the pace.';
comment on index event_replays_one_at_a_time is 'Two at once could let one event wait twice for a run.';
comment on constraint event_replays_pkey on event_replays is 'The id comes from the caller, so that asking again asks once.';
comment on constraint event_replays_range_is_one on event_replays is 'Both ends belong to it.';
comment on constraint event_replays_let_some_through on event_replays is 'With none in a second it would never end.';
comment on constraint event_replays_status_is_known on event_replays is 'The words of ports.event_replays.EventReplayStatus.';
comment on constraint event_replays_over_means_finished on event_replays is 'What is over says since when.';
comment on constraint event_replays_count_what_they_saw on event_replays is 'An event is left alone, or matches, or does not.';

create index decisions_of_replays on decisions (tenant, event_key, definition_id)
    where input_key like 'r.%';
comment on index decisions_of_replays is 'Whether an event has a run by an earlier replay, or waits for one.';

alter table dead_letters add column definition_id text not null default '';
comment on column dead_letters.definition_id is 'Whose filter failed on the event; empty for all other letters.';
