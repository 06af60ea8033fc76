"""kill -9 of the keeper in the middle of a chain: each step is taken and told of once."""

import asyncio
from typing import Any

import pytest
from tests.api import cloudevent
from tests.faults.installation import Installation
from tests.outside import Outside, Reply

KEPT = """
kind: connection
id: kept
http: {base_url: URL}
---
id: kept
trigger: {event: {type: kept.asked}}
rules:
  - id: all
    for_each: "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"
    as: n
    tasks:
      - id: ask
        human:
          title: Ask
          wait: true
          assign: {group: first}
          remind: [1s, 2s, 3s]
          reassign: [{after: 4s, to: {group: second}}]
          escalate: [{after: 5s, to: {group: third}}]
          expire: {after: 6s, outcome: nobody}
          notify:
            - {on: [reminded, reassigned, escalated, expired], http: {connection: kept, url: "/kept/${n}/${notice}"}}
"""  # noqa: E501 - readable as YAML
LINES = """
    select t.item, t.task_id, t.status, t.outcome, t.groups,
        (select array_agg(action order by position) from task_log l where l.task_id = t.task_id)
            as actions,
        (select array_agg(n.spec_id order by n.created_at, n.spec_id) from tasks n
            where n.about = t.task_id) as notices,
        (select array_agg(split_part(o.type, '.', 3) order by o.position) from outbox o
            where o.subject = t.task_id) as said
    from tasks t where t.definition_id = 'kept' and t.spec_id = 'ask' order by t.item"""
LAST = ["reassigned", "escalated", "expired"]


def unkept(row: dict[str, Any]) -> list[str]:
    """What time did not do to a task as its template says.

    Reminders that were missed become one: how many there are nobody can say, but one at least.
    """
    actions, item = row["actions"], row["item"]
    reminders = actions.index("reassigned") if "reassigned" in actions else len(actions)
    revisions = [int(name.rpartition("-")[2]) for name in row["notices"]]
    wrong = {
        "steps": actions[reminders:] != LAST or set(actions[:reminders]) != {"reminded"},
        "reminders": not 1 <= reminders <= 3,
        "end": (row["status"], row["outcome"], row["groups"])
        != ("expired", "nobody", ["second", "third"]),
        "notices": sorted(revisions) != list(range(1, len(actions) + 1)),
        "said": row["said"] != ["created", *actions[:-1], "cancelled"],
    }
    return [f"{what}: {item} {row}" for what, is_so in wrong.items() if is_so]


@pytest.fixture(scope="module")
async def rows(running: Installation, world: Outside) -> list[dict[str, Any]]:
    for item in range(10):
        for notice in ("reminded", *LAST):
            world.answers(f"/kept/{item}/{notice}", Reply(201))
    await running.api.apply(KEPT.replace("URL", world.url))
    await running.send(cloudevent("kept.asked", "kept"))

    async def lines() -> list[dict[str, Any]]:
        async with running.connection() as connection:
            return await (await connection.execute(LINES.encode())).fetchall()

    async def steps() -> int:
        return sum(len(row["actions"] or ()) for row in await lines())

    async def over() -> bool:
        found = await lines()
        return bool(found) and all(row["status"] == "expired" for row in found)

    seen = 0
    while not await over():
        for program in running.programs.values():
            program.assert_alive()
        now = await steps()
        if now > seen:  # it is in the middle of them
            await running.replace("keeper")
            seen = now + 5
        await asyncio.sleep(0.02)
    await running.assert_invariants()
    return await lines()


async def test_each_step_is_taken_once(rows: list[dict[str, Any]], world: Outside) -> None:
    assert [line for row in rows for line in unkept(row)] == []
    for row in rows:
        told = [world.requests(f"/kept/{row['item']}/{step}") for step in LAST]
        assert [len({each.headers["idempotency-key"] for each in one}) for one in told] == [1] * 3


@pytest.mark.parametrize(
    ("what", "damage"),
    [
        ("steps", lambda row: {"actions": [*row["actions"], "expired"]}),
        ("reminders", lambda row: {"actions": ["reminded"] * 4 + LAST}),
        ("end", lambda row: {"groups": ["first"]}),
        ("notices", lambda row: {"notices": [*row["notices"], row["notices"][0]]}),
        ("said", lambda row: {"said": [*row["said"], "cancelled"]}),
    ],
)
def test_a_step_that_is_taken_twice_is_noticed(
    rows: list[dict[str, Any]], what: str, damage: Any
) -> None:
    damaged = {**rows[0], **damage(rows[0])}
    assert any(line.startswith(what) for line in unkept(damaged))
