-- What lies in whose inbox: open tasks of people, under everybody whom they concern.

create table task_inbox (
    tenant text not null,
    relation text not null,
    name text not null,
    due timestamptz not null,
    task_id text not null,
    constraint task_inbox_pkey primary key (tenant, relation, name, due, task_id),
    constraint task_inbox_relation_is_known check (
        relation in ('all', 'group', 'assignee', 'claimed_by'))
);
comment on table task_inbox is 'Kept by triggers: a page of a group is read off in order, however many tasks others have.';
comment on column task_inbox.name is 'Of the group or person; empty for `all`.';
comment on column task_inbox.due is 'When the task is due; without that, after all others.';
comment on constraint task_inbox_pkey on task_inbox is 'The order in which inboxes are shown.';
comment on constraint task_inbox_relation_is_known on task_inbox is 'What a task has to do with whose inbox it is in.';

create function task_inbox_of(
    kind text, status text, groups text[], assignee text, claimed_by text, due_at timestamptz)
returns table (relation text, name text, due timestamptz) language sql immutable rows 3 as $$
    select l.relation, l.name, coalesce(due_at, timestamptz '9999-12-31 00:00:00+00')
    from (
        select 'all' as relation, '' as name
        union all select 'group', unnest(groups)
        union all select 'assignee', assignee where assignee is not null
        union all select 'claimed_by', claimed_by where status = 'claimed'
    ) l
    where kind = 'human' and status in ('ready', 'claimed')
$$;
comment on function task_inbox_of is 'The lines of a task: none unless a person can do it now.';

create function come_into_inboxes() returns trigger language plpgsql as $$
begin
    insert into task_inbox (tenant, relation, name, due, task_id)
    select t.tenant, l.relation, l.name, l.due, t.task_id
    from fresh t
    cross join lateral
        task_inbox_of(t.kind, t.status, t.groups, t.assignee, t.claimed_by, t.due_at) l
    on conflict do nothing;  -- a group named twice
    return null;
end $$;
comment on function come_into_inboxes is 'All tasks of a statement at once: some 15 µs each.';

create trigger tasks_come_into_inboxes after insert on tasks
    referencing new table as fresh
    for each statement execute function come_into_inboxes();
comment on trigger tasks_come_into_inboxes on tasks is 'What people can do lies in their inbox.';

-- Line by line, so that every plan finds them by the whole key.
create function move_in_inboxes() returns trigger language plpgsql as $$
declare
    line record;
begin
    for line in select * from task_inbox_of(
        old.kind, old.status, old.groups, old.assignee, old.claimed_by, old.due_at)
    loop
        delete from task_inbox i
        where i.tenant = old.tenant and i.relation = line.relation and i.name = line.name
            and i.due = line.due and i.task_id = old.task_id;
    end loop;
    insert into task_inbox (tenant, relation, name, due, task_id)
    select new.tenant, l.relation, l.name, l.due, new.task_id
    from task_inbox_of(
        new.kind, new.status, new.groups, new.assignee, new.claimed_by, new.due_at) l
    on conflict do nothing;
    return null;
end $$;
comment on function move_in_inboxes is 'Makes the lines of a task what `task_inbox_of` says.';

create trigger tasks_move_in_inboxes
    after update of status, assignee, groups, claimed_by, due_at on tasks
    for each row
    when (new.kind = 'human' and (old.status, old.assignee, old.groups, old.claimed_by, old.due_at)
        is distinct from (new.status, new.assignee, new.groups, new.claimed_by, new.due_at))
    execute function move_in_inboxes();
comment on trigger tasks_move_in_inboxes on tasks is 'What people cannot do any more is in no inbox.';

insert into task_inbox (tenant, relation, name, due, task_id)
select t.tenant, l.relation, l.name, l.due, t.task_id
from tasks t
cross join lateral task_inbox_of(t.kind, t.status, t.groups, t.assignee, t.claimed_by, t.due_at) l
where t.finished_at is null
on conflict do nothing;
