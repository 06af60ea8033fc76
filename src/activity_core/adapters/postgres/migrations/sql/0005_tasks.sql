-- Tasks of all kinds: what they are there for, who has them, what time does to them.

alter table tasks
    alter rule type text collate "C",
    add role text not null default 'task',
    add about text,
    add late boolean not null default false,
    add claimed_by text,
    add revision int not null default 0,
    add follow_up_at timestamptz,
    add wake_at timestamptz,
    add step int not null default 0,
    add error_type text not null default '',
    add waits_until timestamptz,
    drop constraint tasks_are_created_once,
    add constraint tasks_are_created_once unique (run_id, rule, item, spec_id, tenant),
    drop constraint tasks_kind_is_known,
    add constraint tasks_kind_is_known check (
        kind in ('http', 'python', 'activity', 'workflow', 'sql', 'emit', 'mail', 'human')),
    add constraint tasks_role_is_known check (
        role in ('task', 'compensation', 'notification', 'help')),
    add constraint tasks_of_others_name_them check ((role = 'task') = (about is null)),
    add constraint tasks_claimed_names_who check (status <> 'claimed' or claimed_by is not null),
    add constraint tasks_only_people_claim check (kind = 'human' or claimed_by is null),
    add constraint tasks_over_never_wake check (finished_at is null or wake_at is null);
create index tasks_to_wake on tasks (tenant, wake_at, task_id) where wake_at is not null;
comment on constraint tasks_are_created_once on tasks is 'A template makes one task per run and item. In the order in which a run reads them; ids of runs are derived from their tenant.';
comment on column tasks.rule is 'In order of code points, as core.run.window has it.';
comment on column tasks.about is 'The task that it undoes, tells of, or asks help for.';
comment on column tasks.late is 'Its words are not rendered yet: they need what other tasks came to.';
comment on column tasks.step is 'How many reminders, hand-overs and the like were taken.';
comment on column tasks.waits_until is 'Until when the other side of an automated task may answer by a callback.';
comment on constraint tasks_kind_is_known on tasks is 'The kinds that can be performed, called or completed.';
comment on constraint tasks_role_is_known on tasks is 'The words of core.rules.task_spec.TaskRole.';
comment on constraint tasks_of_others_name_them on tasks is 'What a rule wants stands for itself, all else is about a task.';
comment on constraint tasks_claimed_names_who on tasks is 'A claim has an owner.';
comment on constraint tasks_only_people_claim on tasks is 'Machines do not claim.';
comment on constraint tasks_over_never_wake on tasks is 'What is over is never reminded of.';

create table task_log (
    tenant text not null,
    task_id text not null,
    position bigint generated always as identity,
    action text not null,
    at timestamptz not null,
    by text not null,
    via text not null,
    comment text not null default '',
    data json,
    constraint task_log_pkey primary key (tenant, task_id, position),
    constraint task_log_task_exists foreign key (tenant, task_id) references tasks
);
comment on table task_log is 'What people and time did to a human task: only ever added to.';
comment on column task_log.by is 'The person; `activity-core` for time.';
comment on column task_log.via is 'The API key that spoke for the person.';
comment on constraint task_log_pkey on task_log is 'Oldest first.';
comment on constraint task_log_task_exists on task_log is 'No line without its task.';

create table pending_tasks (
    tenant text not null,
    position bigint generated always as identity,
    task_id text not null,
    constraint pending_tasks_pkey primary key (tenant, position),
    constraint pending_tasks_wait_once unique (tenant, task_id),
    constraint pending_tasks_task_exists foreign key (tenant, task_id) references tasks
);
comment on table pending_tasks is 'Tasks that no run carries out (notifications): each gets a workflow of its own.';
comment on constraint pending_tasks_pkey on pending_tasks is 'Oldest first.';
comment on constraint pending_tasks_wait_once on pending_tasks is 'A task waits once.';
comment on constraint pending_tasks_task_exists on pending_tasks is 'No turn without its task.';
