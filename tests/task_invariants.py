"""The invariants of tasks and cases, counted from the outside; part of `invariants`.

In: the tenant's settled tables. Out: queries, each of which finds nothing if its promise is kept.
"""

TASKS_PENDING = {
    "notification waits for the starter": "select task_id as subject from pending_tasks",
    "nobody did what time does to a task": """
        select task_id as subject from tasks where wake_at <= now()""",
    "run waits for its turn in a case": "select run_id as subject from case_runs",
    "case waits to be rung": "select position::text as subject from case_bells",
}

# What the log of a task says in the end. Who is asked for help is told by the row alone.
_REPLAYED = """
    with lines as (
        select tenant, task_id, count(*) as revision,
            (array_agg(action order by position desc)
                filter (where action not in ('commented', 'reminded')))[1] as last,
            (array_agg(by order by position desc) filter (where action = 'claimed'))[1] as claimer,
            (array_agg(data::jsonb order by position desc) filter (where action in (
                'delegated', 'returned', 'reassigned', 'escalated')))[1] as for_whom,
            (array_agg(data::jsonb || jsonb_build_object('by', by) order by position desc)
                filter (where action in ('completed', 'rejected', 'expired')))[1] as answer
        from task_log group by tenant, task_id
    )
    select t.task_id as subject from tasks t left join lines l using (tenant, task_id)
    join runs r using (tenant, run_id)
    where t.kind = 'human' and r.attempt = 1 and (
        t.revision <> coalesce(l.revision, 0)
        or (t.status = 'claimed') <> (l.last is not distinct from 'claimed')
            and t.finished_at is null
        or t.status = 'claimed' and t.claimed_by is distinct from l.claimer
        or l.for_whom is not null and (t.assignee is distinct from l.for_whom ->> 'assignee'
            or to_jsonb(t.groups) <> l.for_whom -> 'groups')
        or l.answer is not null and (t.finished_at is null
            or t.outcome is distinct from l.answer ->> 'outcome'
            or coalesce(t.outputs::jsonb, 'null') <> l.answer -> 'outputs'
            or t.status not in ('compensated', case l.last when 'rejected' then 'failed'
                when 'expired' then 'expired' else 'completed' end))
        or l.answer is null and t.status in ('completed', 'expired'))"""

_INBOX = """
    with wanted as (
        select tenant, task_id, relation, name from tasks t cross join lateral (
            select 'all' as relation, '' as name
            union select 'group', unnest(t.groups)
            union select 'assignee', t.assignee where t.assignee is not null
            union select 'claimed_by', t.claimed_by where t.status = 'claimed') l
        where t.kind = 'human' and t.status in ('ready', 'claimed')
    )
    select coalesce(w.task_id, i.task_id) || ' ' || coalesce(w.relation, i.relation) as subject
    from wanted w full join task_inbox i using (tenant, task_id, relation, name)
    where w.task_id is null or i.task_id is null"""

_ONGOING = """
    select r.run_id as subject from runs r
    join activity_definitions d using (tenant, definition_id, version)
    where d.document ->> 'lifecycle' = 'ongoing' and r.case_id is null and not exists (
        select from case_runs q where q.tenant = r.tenant and q.run_id = r.run_id)"""

TASKS_VIOLATIONS = {
    "log of a task tells something else than its row": _REPLAYED,
    "inbox is not what people can do": _INBOX,
    "compensated without a compensation that is done": """
        select t.task_id as subject from tasks t
        where t.status = 'compensated' and not exists (
            select from tasks c where c.tenant = t.tenant and c.about = t.task_id
                and c.role = 'compensation' and c.status = 'completed'
                and c.started_at >= t.finished_at)""",
    "compensation of what was not completed": """
        select c.task_id as subject from tasks c join tasks t
            on t.tenant = c.tenant and t.task_id = c.about
        where c.role = 'compensation' and (t.outcome is distinct from 'done' and t.kind <> 'human'
            or c.status = 'completed' and t.status <> 'compensated'
            or c.status <> 'completed' and t.status <> 'completed')""",
    "compensations are not in reverse order": """
        select c.task_id as subject
        from tasks c join tasks t on t.tenant = c.tenant and t.task_id = c.about
        join tasks d on d.tenant = c.tenant and d.run_id = c.run_id and d.rule = c.rule
            and d.item = c.item and d.role = 'compensation'
        join tasks u on u.tenant = d.tenant and u.task_id = d.about
        join runs r on r.tenant = c.tenant and r.run_id = c.run_id
        where c.role = 'compensation' and r.attempt = 1 and t.finished_at > u.finished_at
            and c.finished_at > d.started_at""",
    "run that was stopped left something": """
        select r.run_id as subject from runs r
        where r.stop = 'compensate' and r.finished_at is not null and (
            r.status = 'completed' or exists (
                select from tasks t where t.tenant = r.tenant and t.run_id = r.run_id
                    and (t.role = 'task' and t.finished_at is null
                        or t.status = 'completed' and t.undo and not exists (
                            select from tasks c where c.tenant = t.tenant and c.about = t.task_id
                                and c.role = 'compensation'))))""",
    "key has two open cases": """
        select definition_id || ' ' || min(key) as subject from cases where status = 'open'
        group by tenant, definition_id, key_hash having count(*) > 1""",
    "run of an ongoing definition is in no case": _ONGOING,
    "run is in the case of another definition": """
        select r.run_id as subject from runs r left join cases c using (tenant, case_id)
        where r.case_id is not null and r.definition_id is distinct from c.definition_id""",
    "case took another number of runs": """
        select c.case_id as subject from cases c
        where c.taken <> (
            select count(*) from runs r where r.tenant = c.tenant and r.case_id = c.case_id
                and not exists (
                    select from case_runs q where q.tenant = r.tenant and q.run_id = r.run_id))""",
    "cases of a key are not numbered one by one": """
        select definition_id || ' ' || min(key) as subject from cases
        group by tenant, definition_id, key_hash
        having count(*) <> max(number) or min(number) <> 1
            or bool_or(status = 'open' and number < (
                select max(o.number) from cases o where o.tenant = cases.tenant
                    and o.definition_id = cases.definition_id and o.key_hash = cases.key_hash))""",
}
