-- Tasks, and doorbells for the workflows that wait for them.

create table tasks (
    tenant text not null,
    task_id text not null,
    run_id text not null,
    definition_id text not null,
    version int not null,
    rule text not null,
    spec_id text not null,
    item int not null,
    kind text not null,
    title text not null,
    status text not null,
    inputs json not null,
    needs text[] not null,
    queue text,
    assignee text,
    groups text[] not null,
    wait boolean not null,
    due_at timestamptz,
    outcome text,
    outputs json,
    error text not null default '',
    comment text not null default '',
    completed_by text not null default '',
    attempts int not null default 0,
    created_at timestamptz not null,
    ready_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    constraint tasks_pkey primary key (tenant, task_id),
    constraint tasks_are_created_once unique (tenant, run_id, rule, spec_id, item),
    constraint tasks_run_exists foreign key (tenant, run_id) references runs,
    constraint tasks_status_is_known check (
        status in ('pending', 'ready', 'claimed', 'running', 'completed', 'failed', 'cancelled',
            'expired', 'skipped', 'compensated')),
    constraint tasks_kind_is_known check (kind in ('http', 'python', 'emit', 'human')),
    constraint tasks_item_counts_from_zero check (item >= 0),
    constraint tasks_final_means_finished check (
        (status in ('pending', 'ready', 'claimed', 'running')) = (finished_at is null)),
    constraint tasks_final_means_outcome check ((finished_at is null) = (outcome is null))
) with (fillfactor = 85);
create index tasks_newest_first on tasks (tenant, created_at, task_id);
create index tasks_by_definition on tasks (tenant, definition_id, created_at, task_id);
create index tasks_open on tasks (tenant, created_at, task_id) where finished_at is null;
comment on table tasks is 'Work decided by rules and what became of it.';
comment on constraint tasks_pkey on tasks is 'Task ids are derived from run, rule, template and item.';
comment on constraint tasks_are_created_once on tasks is 'A template makes one task per run and item.';
comment on constraint tasks_run_exists on tasks is 'No task without its run.';
comment on constraint tasks_status_is_known on tasks is 'The words of core.task.TaskStatus.';
comment on constraint tasks_kind_is_known on tasks is 'The kinds that can be performed or completed.';
comment on constraint tasks_item_counts_from_zero on tasks is '0 also stands for a rule without a loop.';
comment on constraint tasks_final_means_finished on tasks is 'Ended tasks say when, open ones cannot.';
comment on constraint tasks_final_means_outcome on tasks is 'Ended tasks say how, open ones cannot.';

create table pending_signals (
    tenant text not null,
    position bigint generated always as identity,
    run_id text not null,
    workflow_id text not null,
    constraint pending_signals_pkey primary key (tenant, position)
);
comment on table pending_signals is 'Doorbells to ring: workflows whose tasks were ended by somebody else.';
comment on constraint pending_signals_pkey on pending_signals is 'Oldest first.';
