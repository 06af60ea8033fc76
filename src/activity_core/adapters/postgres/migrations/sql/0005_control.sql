-- How runs and tasks may move on: asked to stop, undone, and never from one end to another.

alter table runs
    add stop text not null default '',
    add constraint runs_stop_is_known check (stop in ('', 'compensate'));
comment on column runs.stop is 'What it was asked to do instead of going on.';
comment on constraint runs_stop_is_known on runs is 'Nothing, or core.run.run.COMPENSATE.';

alter table tasks
    add undo boolean not null default false;
comment on column tasks.undo is 'Whether its template says how to undo it.';

create function refuse_move() returns trigger language plpgsql as $$
begin
    raise exception 'task % cannot become % from %', old.task_id, new.status, old.status
        using errcode = 'check_violation', constraint = 'tasks_move_as_they_may';
end $$;
comment on function refuse_move is 'Called for moves that are none, as core.run.task.MOVES has them.';

-- What is judged is in the condition, so that moves that are allowed cost no call.
create constraint trigger tasks_move_as_they_may after update of status on tasks
    for each row
    when (old.status <> new.status and not case old.status
        when 'pending' then new.status <> 'claimed' and new.status <> 'compensated'
        when 'ready' then new.status not in ('pending', 'compensated')
        when 'claimed' then new.status not in ('pending', 'running', 'compensated')
        when 'running' then new.status not in ('pending', 'ready', 'claimed', 'compensated')
        when 'completed' then new.status = 'compensated'
        when 'compensated' then false
        when 'failed' then new.status in ('pending', 'skipped')
        when 'expired' then new.status in ('pending', 'skipped')
        else new.status = 'pending'
    end)
    execute function refuse_move();
comment on trigger tasks_move_as_they_may on tasks is 'Open tasks go forward; ended ones stay as they are, but for two: a completed one is undone, and one that did not come to be done is opened again, or skipped, by an operator.';
