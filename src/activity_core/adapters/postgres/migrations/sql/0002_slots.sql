-- Slots: up to where every schedule is decided, when runs have their turn, what calendars say.

create table slot_cursors (
    tenant text not null,
    definition_id text not null,
    plan text not null,
    since timestamptz not null,
    covered_until timestamptz not null,
    audited_until timestamptz not null,
    next_slot timestamptz,
    wake_at timestamptz,
    last_slot timestamptz,
    last_outcome text,
    last_run_id text,
    constraint slot_cursors_pkey primary key (tenant, definition_id),
    constraint slot_cursors_audit_what_is_covered check (audited_until between since and covered_until),
    constraint slot_cursors_last_is_whole check (
        (last_slot is null) = (last_outcome is null) and (last_run_id is null or last_slot is not null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0);
create index slot_cursors_by_slot on slot_cursors (tenant, next_slot);
create index slot_cursors_by_wake on slot_cursors (tenant, wake_at);
create index slot_cursors_by_audit on slot_cursors (tenant, audited_until);
comment on table slot_cursors is 'Definitions with a schedule; the row is the lock of whoever settles its slots.';
comment on column slot_cursors.plan is 'Fingerprint of the schedule that next_slot and wake_at were computed from; empty: of none yet.';
comment on column slot_cursors.since is 'The first covered_until: earlier slots were never ours to decide.';
comment on column slot_cursors.wake_at is 'When somebody must have looked, even if no tick came.';
comment on column slot_cursors.last_slot is 'The latest slot that was decided, with its outcome and its run: for people.';
comment on constraint slot_cursors_pkey on slot_cursors is 'A definition stands at one place.';
comment on constraint slot_cursors_audit_what_is_covered on slot_cursors is 'Audits look at decisions that were made, and only since when they are made here.';
comment on constraint slot_cursors_last_is_whole on slot_cursors is 'A slot was decided somehow.';

create table recovery_pace (
    tenant text not null,
    next_at timestamptz not null,
    constraint recovery_pace_pkey primary key (tenant)
);
comment on table recovery_pace is 'When the next run that makes up for missed slots may start.';
comment on constraint recovery_pace_pkey on recovery_pace is 'All definitions share one pace.';

create table calendars (
    tenant text not null,
    calendar_id text not null,
    document jsonb not null,
    updated_at timestamptz not null,
    updated_by text not null,
    constraint calendars_pkey primary key (tenant, calendar_id)
);
comment on table calendars is 'Named sets of days.';
comment on constraint calendars_pkey on calendars is 'The newest wins; calendars are not versioned.';

alter table runs
    add column gap json,
    drop constraint runs_trigger_is_known,
    add constraint runs_trigger_is_known check (trigger in ('event', 'schedule', 'backfill', 'manual')),
    drop constraint runs_slot_has_its_time,
    add constraint runs_slot_has_its_time check (
        (trigger in ('schedule', 'backfill')) = (scheduled_for is not null)),
    add constraint runs_gap_is_of_slots check (gap is null or scheduled_for is not null);
create index runs_open_of_slots on runs (tenant, definition_id)
    where finished_at is null and trigger = 'schedule';
comment on column runs.gap is 'The missed slots that the run makes up for at once.';
comment on index runs_open_of_slots is 'By finished_at: asked by status, a planner that saw the table empty prefers runs_open, and reads all of it.';
comment on constraint runs_trigger_is_known on runs is 'What can make a run happen.';
comment on constraint runs_slot_has_its_time on runs is 'Slots, and only slots, have a nominal time.';
comment on constraint runs_gap_is_of_slots on runs is 'Only slots can be missed.';

alter table decisions
    drop constraint decisions_name_their_run,
    add constraint decisions_name_their_run check (
        outcome not in ('fired', 'deduplicated', 'merged', 'late', 'caught_up', 'compressed')
        or run_id is not null);
create index decisions_held on decisions (tenant, definition_id) where outcome = 'held';
create index decisions_without_event on decisions (tenant, definition_id, input_key) where event_key is null;
comment on constraint decisions_name_their_run on decisions is 'What led to a run, or joined one, names it.';
comment on index decisions_without_event is 'The slots of a definition in order: their keys are instants of one width.';

alter table pending_runs
    add column start_at timestamptz not null default '-infinity',
    drop constraint pending_runs_pkey,
    add constraint pending_runs_pkey primary key (tenant, start_at, position);
comment on column pending_runs.start_at is 'The run waits at least until then; -infinity: no longer than it must.';
comment on constraint pending_runs_pkey on pending_runs is 'In order of their turns, then oldest first.';

alter table pending_signals
    add column kind text not null default 'tasks_changed',
    add constraint pending_signals_kind_is_known check (kind in ('tasks_changed', 'cancel', 'terminate'));
comment on table pending_signals is 'What workflows are to be told: their tasks were ended by somebody else, or they are to end.';
comment on constraint pending_signals_kind_is_known on pending_signals is 'The words of ports.run_queue.SignalKind.';

-- What is in force already starts now: an upgrade makes up for nothing. Its plan follows.
insert into slot_cursors (tenant, definition_id, plan, since, covered_until, audited_until)
select tenant, definition_id, '', now(), now(), now()
from (
    select distinct on (l.tenant, l.definition_id) l.tenant, l.definition_id, l.retired, d.document
    from registry_log l join activity_definitions d using (tenant, definition_id, version)
    order by l.tenant, l.definition_id, l.revision desc
) in_force
where not retired and document -> 'trigger' ?| array['cron', 'interval'];
