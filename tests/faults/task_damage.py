"""What is whole of tasks and cases, and how each of their invariants is broken by one statement.

For `test_invariants`: `play` brings about something of everything, what is damaged is that.
"""

from typing import Any

from tests.api import cloudevent, eventually
from tests.faults.installation import Installation

PLAYED = """
kind: connection
id: damage
http: {base_url: URL}
---
id: damage-saga
trigger: {event: {type: damage.saga}}
rules:
  - id: all
    tasks:
      - id: order
        http: {connection: damage, url: /do}
        compensate: {http: {connection: damage, url: /do}}
      - id: pay
        needs: [order]
        http: {connection: damage, url: /do}
        compensate: {http: {connection: damage, url: /do}}
      - {id: send, needs: [pay], http: {connection: damage, url: /nowhere}}
---
id: damage-inbox
trigger: {event: {type: damage.inbox}}
rules:
  - id: all
    tasks:
      - {id: claimed, human: {title: A, assign: {groups: [ops, sales]}}}
      - {id: delegated, human: {title: B, assign: {group: ops}}}
      - {id: done, human: {title: C, notify: [{on: [completed], http: {connection: damage, url: /do}}]}}
---
id: damage-case
lifecycle: ongoing
correlation: event.data.key
trigger: {event: {type: damage.case}}
state: {initial: {n: 0}, update: '{"n": event.data.n}'}
ends_when: state.n == 2
rules: [{id: all, tasks: [{id: look, human: {title: Look}}]}]
"""  # noqa: E501 - readable as YAML

A_RUN = "(select min(run_id) from runs where definition_id = 'damage-{}')"
A_TASK = "(select min(task_id) from tasks where definition_id like 'damage-%' and spec_id = '{}')"
SAGA, CLAIMED, DELEGATED, DONE = (
    A_RUN.format("saga"),
    *map(A_TASK.format, ("claimed", "delegated", "done")),
)
A_CASE = "(select min(case_id) from cases where status = 'open' and definition_id = 'damage-case')"

LEFT_OVER = {
    "notification waits for the starter": f"""
        insert into pending_tasks (tenant, task_id) select 'main', {DONE}""",
    "nobody did what time does to a task": f"""
        update tasks set wake_at = now() - interval '1 s' where task_id = {CLAIMED}""",
    "run waits for its turn in a case": f"""
        insert into case_runs (tenant, definition_id, key_hash, key, run_id)
        select 'main', 'damage-case', sha256('k'), '"k"', {SAGA}""",
    "case waits to be rung": """
        insert into case_bells (tenant, definition_id, key_hash)
        values ('main', 'damage-case', sha256('k'))""",
}

DAMAGE = {
    "log of a task tells something else than its row": f"""
        update tasks set revision = revision + 1 where task_id = {CLAIMED}""",
    "inbox is not what people can do": f"""
        delete from task_inbox where task_id = {CLAIMED} and relation = 'claimed_by'""",
    "compensated without a compensation that is done": f"""
        delete from tasks where run_id = {SAGA} and spec_id = 'pay/compensate'""",
    "compensation of what was not completed": f"""
        update tasks set status = 'failed', outcome = 'failed'
        where run_id = {SAGA} and spec_id = 'pay'""",
    "compensations are not in reverse order": f"""
        update tasks set finished_at = started_at - interval '1 min'
        where run_id = {SAGA} and spec_id = 'pay'""",
    "run that was stopped left something": f"""
        update runs set stop = 'compensate' where run_id = {A_RUN.format("inbox")}""",
    "key has two open cases": f"""
        drop index cases_one_is_open;
        insert into cases (tenant, case_id, definition_id, key_hash, key, number, version,
            opened_at, last_event_at, touched_at)
        select tenant, 'case-again', definition_id, key_hash, key, number + 1, version,
            opened_at, last_event_at, touched_at
        from cases where case_id = {A_CASE}""",
    "run of an ongoing definition is in no case": """
        update runs set case_id = null where definition_id = 'damage-case'""",
    "run is in the case of another definition": f"""
        update runs set case_id = {A_CASE} where run_id = {SAGA}""",
    "case took another number of runs": f"""
        update cases set taken = taken + 1 where case_id = {A_CASE}""",
    "cases of a key are not numbered one by one": f"""
        update cases set number = number + 1 where case_id = {A_CASE}""",
}

LOG_DAMAGE = (
    f"update tasks set claimed_by = 'eve' where task_id = {CLAIMED}",
    f"update tasks set status = 'ready' where task_id = {CLAIMED}",
    f"update tasks set assignee = 'eve' where task_id = {DELEGATED}",
    f"update tasks set groups = '{{}}' where task_id = {DELEGATED}",
    f"update tasks set outcome = 'other' where task_id = {DONE}",
    f"update tasks set outputs = '[2]' where task_id = {DONE}",
    f"update tasks set status = 'failed' where task_id = {DONE}",
    f"delete from task_log where task_id = {DONE}",
)
"""Whatever is in the row is in the log."""


async def play(running: Installation, url: str) -> None:
    """A saga that was undone, tasks that people have and had, cases that are open and closed."""
    await running.api.apply(PLAYED.replace("URL", url))
    await running.send(cloudevent("damage.saga", "damage-saga"))
    await running.send(cloudevent("damage.inbox", "damage-inbox"))
    for n in (1, 2, 3):
        await running.send(cloudevent("damage.case", f"damage-{n}", {"key": "k", "n": n}))

    async def tasks() -> dict[str, Any] | None:
        found = await running.api.items("/v1/tasks", definition_id="damage-inbox")
        return {each["spec_id"]: each["task_id"] for each in found} if found else None

    ids = await eventually(tasks, "there are tasks for people")
    await running.api.post(f"/v1/tasks/{ids['claimed']}/claim", {"by": "ann"})
    await running.api.post(f"/v1/tasks/{ids['delegated']}/delegate", {"by": "ann", "user": "bob"})
    said = {"by": "ann", "outcome": "yes", "data": [1]}
    await running.api.post(f"/v1/tasks/{ids['done']}/complete", said)
