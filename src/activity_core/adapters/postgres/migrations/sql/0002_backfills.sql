-- Backfills: runs for past slots that somebody asked for, and how far they are.

create table backfills (
    tenant text not null,
    backfill_id text not null,
    definition_id text not null,
    first timestamptz not null,
    last timestamptz not null,
    turns text not null,
    max_concurrent int not null,
    actor text not null,
    reason text not null,
    status text not null default 'running',
    requested_at timestamptz not null,
    finished_at timestamptz,
    constraint backfills_pkey primary key (tenant, backfill_id),
    constraint backfills_range_is_one check (first <= last),
    constraint backfills_turns_are_known check (turns in ('oldest', 'newest')),
    constraint backfills_let_some_run check (max_concurrent >= 1),
    constraint backfills_status_is_known check (status in ('running', 'completed', 'stopped')),
    constraint backfills_over_means_finished check ((status = 'running') = (finished_at is null))
);
create index backfills_running on backfills (tenant, backfill_id) where status = 'running';
create index backfills_newest_first on backfills (tenant, requested_at, backfill_id);
create index backfills_by_definition on backfills (tenant, definition_id, requested_at, backfill_id);
comment on table backfills is 'Requests for runs of past slots; the row is the lock of whoever releases some.';
comment on column backfills.turns is 'Which slots come first.';
comment on constraint backfills_pkey on backfills is 'The id comes from the caller, so that asking again asks once.';
comment on constraint backfills_range_is_one on backfills is 'Both ends belong to it.';
comment on constraint backfills_turns_are_known on backfills is 'The words of ports.backfills.BackfillOrder.';
comment on constraint backfills_let_some_run on backfills is 'With none at a time it would never end.';
comment on constraint backfills_status_is_known on backfills is 'The words of ports.backfills.BackfillStatus.';
comment on constraint backfills_over_means_finished on backfills is 'What is over says since when.';

create table backfill_slots (
    tenant text not null,
    backfill_id text not null,
    position int not null,
    slot timestamptz not null,
    run_id text,
    existing boolean not null,
    constraint backfill_slots_pkey primary key (tenant, backfill_id, position),
    constraint backfill_slots_are_asked_for_once unique (tenant, backfill_id, slot),
    constraint backfill_slots_backfill_exists foreign key (tenant, backfill_id) references backfills,
    constraint backfill_slots_run_exists foreign key (tenant, run_id) references runs,
    constraint backfill_slots_existing_has_its_run check (not existing or run_id is not null)
);
create index backfill_slots_waiting on backfill_slots (tenant, backfill_id, position) where run_id is null;
comment on table backfill_slots is 'Every slot of the range, with its run once it has one.';
comment on column backfill_slots.existing is 'The run is not the backfill''s: the slot had it before, or got it meanwhile.';
comment on constraint backfill_slots_pkey on backfill_slots is 'In order of their turns.';
comment on constraint backfill_slots_are_asked_for_once on backfill_slots is 'A slot has one turn.';
comment on constraint backfill_slots_backfill_exists on backfill_slots is 'No slot without its request.';
comment on constraint backfill_slots_run_exists on backfill_slots is 'What has a run has one that is there.';
comment on constraint backfill_slots_existing_has_its_run on backfill_slots is 'What was left alone says because of which run.';
