-- What operators do to runs, and runs that are there because of that.

create table run_log (
    tenant text not null,
    run_id text not null,
    position bigint generated always as identity,
    action text not null,
    at timestamptz not null,
    by text not null,
    reason text not null,
    about text not null,
    constraint run_log_pkey primary key (tenant, run_id, position),
    constraint run_log_run_exists foreign key (tenant, run_id) references runs,
    constraint run_log_action_is_known check (
        action in ('cancelled', 'terminated', 'compensating', 'retried', 'task_skipped', 'rerun'))
);
create trigger run_log_stays_as_written before update on run_log
    for each row execute function refuse_change();
comment on table run_log is 'What operators did to a run, and why: only ever added to.';
comment on column run_log.about is 'The task that was skipped, or the run that came of running it again.';
comment on constraint run_log_pkey on run_log is 'Oldest first.';
comment on constraint run_log_run_exists on run_log is 'No line without its run.';
comment on constraint run_log_action_is_known on run_log is 'The words of ports.run_control.RunAction.';
comment on trigger run_log_stays_as_written on run_log is 'Who did what stays as it was written.';

alter table runs
    add rerun_of text,
    add constraint runs_rerun_of_another check (rerun_of <> run_id);
comment on column runs.rerun_of is 'The run whose occurrence it is for once more.';
comment on constraint runs_rerun_of_another on runs is 'A run is not its own repetition.';
