-- Priorities of runs, and how much their inputs weigh when they are put together.

alter table runs
    add column priority smallint not null default 3,
    add constraint runs_priority_is_known check (priority between 1 and 5);
comment on column runs.priority is '1 goes first, 5 last, as in Temporal.';
comment on constraint runs_priority_is_known on runs is 'Five levels: the starter looks for each of them.';

alter table pending_runs
    add column priority smallint not null default 3,
    add column size int not null default 0,
    add constraint pending_runs_priority_is_known check (priority between 1 and 5),
    drop constraint pending_runs_pkey,
    add constraint pending_runs_pkey primary key (tenant, priority, start_at, position);
comment on column pending_runs.priority is 'That of the run.';
comment on column pending_runs.size is 'Bytes of the events or the input that the run is for.';
comment on constraint pending_runs_priority_is_known on pending_runs is 'What no starter looks for would wait for ever.';
comment on constraint pending_runs_pkey on pending_runs is 'The most urgent first, in order of their turns, then oldest first; those whose turn is to come are not read.';
