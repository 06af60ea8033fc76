-- Runs, what they are for, why they exist, and which execution carries them out.

create table runs (
    tenant text not null,
    run_id text not null,
    definition_id text not null,
    version int not null,
    occurrence_key text not null,
    trigger text not null,
    status text not null,
    attempt int not null default 1,
    scheduled_for timestamptz,
    input json,
    traceparent text,
    causation_depth int not null default 0,
    fired_at timestamptz not null,
    touched_at timestamptz not null,
    started_at timestamptz,
    recorded_at timestamptz,
    finished_at timestamptz,
    context_snapshot json,
    context_hash text,
    rules json,
    failure_code text,
    failure_message text,
    constraint runs_pkey primary key (tenant, run_id),
    constraint runs_occurrence_runs_once unique (tenant, definition_id, occurrence_key),
    constraint runs_version_exists foreign key (tenant, definition_id, version)
        references activity_definitions,
    constraint runs_status_is_known check (
        status in ('pending', 'running', 'completed', 'failed', 'cancelled', 'compensated')),
    constraint runs_trigger_is_known check (trigger in ('event', 'schedule', 'manual')),
    constraint runs_attempt_counts_from_one check (attempt >= 1),
    constraint runs_final_means_finished check (
        (status in ('pending', 'running')) = (finished_at is null)),
    constraint runs_slot_has_its_time check ((trigger = 'schedule') = (scheduled_for is not null)),
    constraint runs_recorded_has_its_context check (
        recorded_at is null or status = 'failed'
        or (context_snapshot is not null and context_hash is not null)),
    constraint runs_failed_says_why check (status <> 'failed' or failure_code is not null)
) with (fillfactor = 85);
create index runs_newest_first on runs (tenant, fired_at, run_id);
create index runs_by_definition on runs (tenant, definition_id, fired_at, run_id);
create index runs_open on runs (tenant, status, touched_at) where status in ('pending', 'running');
comment on table runs is 'One execution of one definition version for one occurrence. json, not jsonb: jsonb refuses \u0000.';
comment on column runs.touched_at is 'When it was last seen well: fired, reopened or audited.';
comment on column runs.causation_depth is 'That of the event that caused it; 0 for one from outside, a slot or a request.';
comment on constraint runs_pkey on runs is 'Run ids are derived from tenant, definition and occurrence.';
comment on constraint runs_occurrence_runs_once on runs is 'An occurrence runs once per definition, whatever the version.';
comment on constraint runs_version_exists on runs is 'A run pins a published version.';
comment on constraint runs_status_is_known on runs is 'The words of core.run.RunStatus.';
comment on constraint runs_trigger_is_known on runs is 'What can make a run happen.';
comment on constraint runs_attempt_counts_from_one on runs is 'The first try is attempt 1.';
comment on constraint runs_final_means_finished on runs is 'Closed runs say when, open ones cannot.';
comment on constraint runs_slot_has_its_time on runs is 'Slots, and only slots, have a nominal time.';
comment on constraint runs_recorded_has_its_context on runs is 'What was decided can be explained: snapshot and hash are there.';
comment on constraint runs_failed_says_why on runs is 'A failure has a stable code.';

create table run_events (
    tenant text not null,
    run_id text not null,
    event_key bytea not null,
    received_at timestamptz not null,
    constraint run_events_pkey primary key (tenant, run_id, event_key)
);
create index run_events_by_event on run_events (tenant, event_key);
comment on table run_events is 'The events that a run is for. Written with the run, in one transaction; a foreign key cost a sixth of the router.';
comment on constraint run_events_pkey on run_events is 'A run names an event once.';

create table run_context (
    tenant text not null,
    run_id text not null,
    source text not null,
    data json not null,
    constraint run_context_pkey primary key (tenant, run_id, source),
    constraint run_context_run_exists foreign key (tenant, run_id) references runs
);
comment on table run_context is 'What remote sources answered before the run was recorded.';
comment on constraint run_context_pkey on run_context is 'The first answer of a source stays.';
comment on constraint run_context_run_exists on run_context is 'No answer without its run.';

create table decisions (
    tenant text not null,
    input_key text not null,
    definition_id text not null,
    version int not null,
    outcome text not null,
    reason text not null,
    occurrence_key text not null,
    run_id text,
    event_key bytea,
    event_received_at timestamptz,
    decided_at timestamptz not null,
    constraint decisions_pkey primary key (tenant, input_key, definition_id),
    constraint decisions_run_exists foreign key (tenant, run_id) references runs,
    constraint decisions_outcome_is_known check (
        outcome in ('fired', 'deduplicated', 'merged', 'throttled', 'dropped', 'late', 'caught_up',
            'compressed', 'skipped', 'unauthorised', 'failed', 'held')),
    constraint decisions_name_their_run check (
        outcome not in ('fired', 'deduplicated', 'merged') or run_id is not null),
    constraint decisions_name_their_event check (
        (input_key like 'e.%') = (event_key is not null)
        and (event_key is null) = (event_received_at is null))
);
create index decisions_newest_first on decisions (tenant, decided_at, input_key, definition_id);
create index decisions_by_definition on decisions (tenant, definition_id, decided_at, input_key);
create index decisions_by_run on decisions (tenant, run_id) where run_id is not null;
comment on table decisions is 'What became of one input (event, slot, request) for one definition, and why. `filtered` is only counted.';
comment on constraint decisions_pkey on decisions is 'One decision per input and definition.';
comment on constraint decisions_run_exists on decisions is 'What fired names a run that is there.';
comment on constraint decisions_outcome_is_known on decisions is 'The words of core.decision.Outcome that leave a row.';
comment on constraint decisions_name_their_run on decisions is 'What led to a run, or joined one, names it.';
comment on constraint decisions_name_their_event on decisions is 'Events, and only events, have an event key.';

create table pending_runs (
    tenant text not null,
    position bigint generated always as identity,
    run_id text not null,
    constraint pending_runs_pkey primary key (tenant, position),
    constraint pending_runs_wait_once unique (tenant, run_id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
comment on table pending_runs is 'The queue of the starter: runs without an execution. Locked, then deleted.';
comment on constraint pending_runs_pkey on pending_runs is 'Oldest first.';
comment on constraint pending_runs_wait_once on pending_runs is 'A run waits once, also when it was closed and reopened meanwhile.';

create table executions (
    tenant text not null,
    execution_id text not null,
    workflow_id text not null,
    created_at timestamptz not null,
    lease_until timestamptz,
    constraint executions_pkey primary key (tenant, execution_id),
    constraint executions_workflow_is_its_own unique (tenant, workflow_id)
);
create index executions_to_start on executions (tenant, lease_until) where lease_until is not null;
comment on table executions is 'Temporal workflows, committed before they are started.';
comment on column executions.lease_until is 'Until when a starter is busy with it; null: known to be started.';
comment on constraint executions_pkey on executions is 'Ids are derived from the members.';
comment on constraint executions_workflow_is_its_own on executions is 'A workflow carries out one execution.';

create table attempts (
    tenant text not null,
    run_id text not null,
    attempt int not null,
    execution_id text not null,
    constraint attempts_pkey primary key (tenant, execution_id, run_id),
    constraint attempts_are_carried_out_once unique (tenant, run_id, attempt),
    constraint attempts_run_exists foreign key (tenant, run_id) references runs,
    constraint attempts_execution_exists foreign key (tenant, execution_id) references executions
);
comment on table attempts is 'Which execution carries out which attempt of a run. A table of its own: composing then writes no run row.';
comment on constraint attempts_pkey on attempts is 'A run is in an execution once.';
comment on constraint attempts_are_carried_out_once on attempts is 'Two executions never carry out the same attempt.';
comment on constraint attempts_run_exists on attempts is 'An execution carries out runs that are there.';
comment on constraint attempts_execution_exists on attempts is 'No attempt without its execution.';
