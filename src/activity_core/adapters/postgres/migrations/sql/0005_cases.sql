-- Cases: one lifetime of an ongoing definition per key, the runs that wait for their turn in one,
-- and which cases are to be started or rung.

create table cases (
    tenant text not null,
    case_id text not null,
    definition_id text not null,
    key_hash bytea not null,
    key text not null,
    number int not null,
    version int not null,
    status text not null default 'open',
    state json,
    is_ending boolean not null default false,
    fired json not null default '{}',
    taken int not null default 0,
    opened_at timestamptz not null,
    last_event_at timestamptz not null,
    touched_at timestamptz not null,
    wake_at timestamptz,
    waiting_for text,
    closed_at timestamptz,
    closed_by text,
    constraint cases_pkey primary key (tenant, case_id),
    constraint cases_count_by_key unique (tenant, definition_id, key_hash, number),
    constraint cases_version_exists foreign key (tenant, definition_id, version)
        references activity_definitions,
    constraint cases_keys_are_hashed check (octet_length(key_hash) = 32),
    constraint cases_status_is_known check (status in ('open', 'closed')),
    constraint cases_count_from_one check (number >= 1 and taken >= 0),
    constraint cases_closed_means_when_and_by_whom check (
        (status = 'closed') = (closed_at is not null) and (closed_at is null) = (closed_by is null)),
    constraint cases_over_never_wake check (status = 'open' or wake_at is null),
    constraint cases_wake_for_a_timer check ((wake_at is null) = (waiting_for is null))
) with (fillfactor = 70);
create unique index cases_one_is_open on cases (tenant, definition_id, key_hash) where status = 'open';
create index cases_newest_first on cases (tenant, opened_at, case_id);
create index cases_by_definition on cases (tenant, definition_id, opened_at, case_id);
create index cases_to_audit on cases (tenant, touched_at) where status = 'open';
comment on table cases is 'One lifetime of an ongoing definition for one correlation key; the row is the lock of whoever takes its turns.';
comment on column cases.key is 'Canonical JSON of what the correlation gave.';
comment on column cases.state is 'Null until the first turn. json, not jsonb: jsonb refuses \u0000.';
comment on column cases.is_ending is 'Whether ends_when held after the last turn: it closes as soon as nothing is queued.';
comment on column cases.fired is 'By name of a timer, the instant that it fired for last.';
comment on column cases.touched_at is 'When its workflow was last seen well.';
comment on column cases.wake_at is 'When its next timer fires if nothing comes before; waiting_for is that timer.';
comment on column cases.closed_by is 'An operator; `activity-core` when ends_when held.';
comment on constraint cases_pkey on cases is 'Ids are derived from tenant, definition, key and number.';
comment on constraint cases_count_by_key on cases is 'The cases of a key are numbered. A hash: keys may be longer than an index entry.';
comment on constraint cases_version_exists on cases is 'A case is taken by a published version.';
comment on constraint cases_keys_are_hashed on cases is 'SHA-256 has 32 bytes.';
comment on constraint cases_status_is_known on cases is 'The words of core.case.CaseStatus.';
comment on constraint cases_count_from_one on cases is 'The first case of a key is number 1.';
comment on constraint cases_closed_means_when_and_by_whom on cases is 'Closed cases say when and by whom, open ones cannot.';
comment on constraint cases_over_never_wake on cases is 'No timer of a closed case fires.';
comment on constraint cases_wake_for_a_timer on cases is 'Only timers have an instant.';
comment on index cases_one_is_open is 'What comes for a key has one case to go to.';

alter table runs
    add column case_id text,
    add column timer text,
    drop constraint runs_trigger_is_known,
    add constraint runs_trigger_is_known check (
        trigger in ('event', 'schedule', 'backfill', 'manual', 'timer')),
    add constraint runs_timer_has_its_name check ((trigger = 'timer') = (timer is not null)),
    add constraint runs_timer_is_of_a_case check (timer is null or case_id is not null);
create index runs_by_case on runs (tenant, case_id, fired_at, run_id) where case_id is not null;
comment on column runs.case_id is 'The case that took it; null before that, and for all that is of none.';
comment on column runs.timer is 'The name of the timer that made it.';
comment on constraint runs_trigger_is_known on runs is 'What can make a run happen.';
comment on constraint runs_timer_has_its_name on runs is 'Timers, and only timers, have names.';
comment on constraint runs_timer_is_of_a_case on runs is 'Only cases have timers.';

create table case_runs (
    tenant text not null,
    definition_id text not null,
    key_hash bytea not null,
    position bigint generated always as identity,
    key text not null,
    run_id text not null,
    constraint case_runs_pkey primary key (tenant, definition_id, key_hash, position),
    constraint case_runs_wait_once unique (tenant, run_id),
    constraint case_runs_run_exists foreign key (tenant, run_id) references runs
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
comment on table case_runs is 'The queue of each key: runs that wait for their turn in its open case, or in the one that they open.';
comment on constraint case_runs_pkey on case_runs is 'Oldest first; but a timer goes before the events that came after it.';
comment on constraint case_runs_wait_once on case_runs is 'A run waits once.';
comment on constraint case_runs_run_exists on case_runs is 'No turn without its run.';

create table case_bells (
    tenant text not null,
    position bigint generated always as identity,
    definition_id text not null,
    key_hash bytea not null,
    case_id text,
    constraint case_bells_pkey primary key (tenant, position),
    constraint case_bells_case_exists foreign key (tenant, case_id) references cases
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
comment on table case_bells is 'Doorbells: keys that have something queued, whose case is to be started or rung.';
comment on column case_bells.case_id is 'Rings this case whatever is queued: it was closed, or its workflow is lost.';
comment on constraint case_bells_pkey on case_bells is 'Oldest first.';
comment on constraint case_bells_case_exists on case_bells is 'Nobody rings at a case that is not there.';
