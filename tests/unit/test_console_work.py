"""The console on runs, tasks, cases and rollouts: what it says, in words and as drawings."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import httpx
import pytest
from tests.case_stage import FOLLOW, CaseStage
from tests.unit.memory_system import STRUCTURED, YAML, MemorySystem, event
from tests.unit.test_console import SCRIPT, show

from activity_core.console.question import PAGE_SIZE
from activity_core.core.rules.task_spec import TaskKind, TaskRole
from activity_core.core.run.task import TaskResult, TaskStatus

RTL = "כיסא משרדי"
HOSTILE = [
    SCRIPT,
    '"><img src=x onerror=alert(1)>',
    "x" * 400,
    RTL,
    "\u202e evil",
    "]]>&amp;",
    "{{7*7}}",
]
DEFINITIONS = """
id: buy
trigger: {event: {type: buy}}
rules:
  - id: approve
    tasks:
      - id: check
        human:
          title: "Check ${event.data.what}"
          description: "About ${event.data.what}"
          assign: {group: "${event.data.team}"}
          form: {type: object, properties: {note: {type: string}}}
          outcomes: [fine, "no"]
          due: PT1H
          follow_up: PT30M
      - {id: approve, needs: [check], human: {title: "Approve", assign: {user: bob}}}
---
id: many
trigger: {event: {type: many}}
rules:
  - id: each
    for_each: event.data.items
    as: it
    tasks: [{id: t, human: {title: "Do ${it}"}}]
"""
GREET: dict[str, Any] = {
    "id": "greet",
    "trigger": {"manual": {}},
    "rules": [{"id": "r", "tasks": [{"id": "t", "human": {"title": "Greet"}}]}],
}


@pytest.fixture
async def system() -> MemorySystem:
    system = MemorySystem()
    async with system.client() as client:
        assert (await client.put("/v1/definitions", content=DEFINITIONS, headers=YAML)).is_success
    return system


async def happen(system: MemorySystem, type_: str, **data: Any) -> str:
    """One event, worked off; the id of its run."""
    async with system.client() as client:
        id_ = f"{type_}-{len(system.state.tables.events)}"
        sent = await client.post(
            "/v1/events", json=event(id_, type=type_, data=data), headers=STRUCTURED
        )
        assert sent.status_code == 202, sent.text
        await system.work()
        runs = (await client.get("/v1/runs", params={"event_id": id_})).json()["items"]
    return str(runs[0]["run_id"])


async def buy(system: MemorySystem, what: str = "a chair", team: str = "office") -> tuple[str, str]:
    """A run, and its task `check`."""
    run = await happen(system, "buy", what=what, team=team)
    [task] = [
        id_
        for id_, row in system.state.tables.tasks.items()
        if row.task.run_id == run and row.task.spec_id == "check"
    ]
    return run, task


async def do(system: MemorySystem, task: str, what: str, **said: Any) -> httpx.Response:
    async with system.client() as client:
        answer = await client.post(f"/v1/tasks/{task}/{what}", json=said)
    assert answer.is_success, answer.text
    return answer


def add(system: MemorySystem, task_id: str, role: TaskRole, **changes: Any) -> str:
    """A task about another one."""
    row = system.state.tables.tasks[task_id]
    new = f"{task_id}-{role}"
    changed: dict[str, Any] = {
        "task_id": new,
        "spec_id": f"{row.task.spec_id}/{role}",
        "role": role,
        "about": task_id,
        "kind": TaskKind.HTTP,
        "needs": (),
    }
    system.state.tables.tasks[new] = replace(row, task=replace(row.task, **changed | changes))
    return new


async def test_the_inbox_is_by_due_and_tells_what_is_overdue(system: MemorySystem) -> None:
    _, late = await buy(system, "the late one")
    system.clock.advance(timedelta(minutes=90))
    await buy(system, "the one in time", team="lab")
    inbox = unescape(await show(system, "/console/tasks?sort=due"))
    assert inbox.index("the late one") < inbox.index("the one in time")
    assert inbox.count(">overdue<") == 1
    assert 'aria-current="true">inbox, by due<' in inbox
    lab = await show(system, "/console/tasks?sort=due&group=lab&assignee=&claimed_by=")
    assert "the late one" not in lab
    assert 'value="lab"' in lab
    assert '<input type="hidden" name="sort" value="due">' in lab
    await do(system, late, "complete", outcome="fine", data={})
    assert "overdue" not in await show(system, "/console/tasks")
    assert "the late one" not in await show(system, "/console/tasks?open=true")
    assert "the late one" in await show(system, "/console/tasks?open=false&definition_id=buy")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sort=title", "no such sort"),
        ("open=maybe", "no such open"),
        ("sort=due&status=ready", "leave out status"),
    ],
)
async def test_lists_that_there_are_not(system: MemorySystem, query: str, words: str) -> None:
    assert words in unescape(await show(system, f"/console/tasks?{query}", 400))


async def test_a_task_tells_everything_about_it(system: MemorySystem) -> None:
    run, task = await buy(system)
    await do(system, task, "claim", by="ann")
    await do(system, task, "comments", by="cy", comment="<b>is it</b> needed?")
    text = unescape(await show(system, f"/console/tasks/{task}"))
    facts = re.sub(r"<[^>]+>|\s+", " ", text)
    for words in (
        "Check a chair claimed",
        "About a chair",
        "for office",
        "claimed by ann",
        "answers fine, no",
    ):
        assert words in re.sub(r" +", " ", facts), words
    assert f"/console/runs/{run}" in text
    assert "<summary>form</summary>" in text
    assert '<dt>due</dt><dd><time datetime="2026-' in text
    assert "<dt>follow up</dt>" in text
    assert re.search(r"<dt>needed by</dt>\s*<dd>\s*<div><a [^>]+><bdi>Approve</bdi></a>", text)
    log = text[text.index("<h2>Log") :]
    assert log.index("claimed") < log.index("commented")
    assert "by key <bdi>anonymous" in log
    await do(system, task, "complete", by="ann", outcome="fine", data={"note": "n"}, comment="so")
    done = await show(system, f"/console/tasks/{task}")
    assert "<dt>outcome</dt><dd><bdi>fine</bdi>" in done
    assert "<dt>done by</dt><dd><bdi>ann</bdi>" in done
    assert "<summary>outputs</summary>" in done


async def test_a_task_tells_what_is_about_it_and_why_it_failed(system: MemorySystem) -> None:
    _, task = await buy(system)
    result = TaskResult(TaskStatus.FAILED, "failed", error="it broke", error_type="http_500")
    undo = add(
        system,
        task,
        TaskRole.COMPENSATION,
        title="Undo it",
        inputs={"url": "/x"},
        status=TaskStatus.FAILED,
        result=result,
    )
    helping = add(system, undo, TaskRole.HELP, kind=TaskKind.HUMAN, title="Undo by hand")
    telling = add(system, task, TaskRole.NOTIFICATION, title="Mail")
    about = await show(system, f"/console/tasks/{task}")
    assert re.search(rf"<dt>undone by</dt>\s*<dd>\s*<div><a href=\"/console/tasks/{undo}\"", about)
    assert "<dt>told by</dt>" in about
    failed = await show(system, f"/console/tasks/{undo}")
    assert "<dt>undoes</dt>" in failed
    assert "<dt>help</dt>" in failed
    assert "<code>http_500</code> <bdi" in failed
    assert "it broke" in failed
    assert "<details open>\n  <summary>inputs" in failed
    assert "<dt>asks for help with</dt>" in await show(system, f"/console/tasks/{helping}")
    assert "<dt>tells of</dt>" in await show(system, f"/console/tasks/{telling}")


async def test_a_run_is_drawn_with_what_undoes_its_tasks(system: MemorySystem) -> None:
    run, task = await buy(system)
    add(system, task, TaskRole.COMPENSATION, status=TaskStatus.COMPLETED)
    text = await show(system, f"/console/runs/{run}")
    assert text.count("<figure") == 1
    assert text.count('<svg class="box') == 3
    assert text.count('class="line"') == text.count('class="tip"') == 1
    assert text.count('class="line link"') == 1
    assert '<svg class="box completed compensation"' in text
    assert '<tspan class="word">ready</tspan> human, office<' in text
    assert f'<a href="/console/tasks/{task}">' in text
    assert re.search(r'status=ready">1 <span class="state ready">ready</span></a>', text)
    assert f'<tr id="{task}">' in text


async def test_a_run_of_many_tasks_is_a_table_in_pages(system: MemorySystem) -> None:
    run = await happen(system, "many", items=[f"n{number:03}" for number in range(60)])
    text = await show(system, f"/console/runs/{run}")
    assert "<svg" not in text
    assert f'/console/tasks?run_id={run}&amp;status=ready">60 ' in text
    path, shown = f"/console/runs/{run}", []
    while path:
        text = await show(system, path)
        shown.append(re.findall(r"Do (n\d+)", text))
        more = re.search(r'rel="next" href="([^"]+)"', text)
        path = unescape(more[1]) if more else ""
    assert [len(each) for each in shown] == [PAGE_SIZE, 10]
    assert len({*shown[0], *shown[1]}) == 60
    for cursor in ("x", "-1", "9" * 30, "%C2%B2"):
        words = await show(system, f"/console/runs/{run}?cursor={cursor}", 400)
        assert "no such cursor" in words


async def test_items_are_drawn_one_by_one(system: MemorySystem) -> None:
    run = await happen(system, "many", items=["a", "b", "c"])
    text = await show(system, f"/console/runs/{run}")
    assert re.findall(r"</code> (item \d)</figcaption>", text) == ["item 0", "item 1", "item 2"]


async def test_a_run_tells_what_was_done_to_it(system: MemorySystem) -> None:
    run = await happen(system, "many", items=["a"])
    async with system.client() as client:
        again = await client.post(f"/v1/runs/{run}/rerun", json={"reason": "<i>once more</i>"})
    text = await show(system, f"/console/runs/{run}")
    log = text[text.index("What was done to it") :]
    assert "anonymous" in log
    assert "&lt;i&gt;once more" in log
    assert f"/console/runs/{again.json()['run_id']}" in log
    other = await show(system, f"/console/runs/{again.json()['run_id']}")
    assert re.search(rf"Runs again what <a [^>]*{run}", other)


async def test_cases_tell_their_state_and_their_runs(system: MemorySystem) -> None:
    stage = CaseStage(system.state)
    await stage.apply(FOLLOW)
    first = await stage.send("1", order=SCRIPT)
    [case] = await stage.rung()
    assert "It took no turn yet." in await show(system, f"/console/cases/{case}")
    await stage.take(case)
    stage.pass_time(hours=1)
    await stage.take(case)
    queued = await stage.send("2", order=SCRIPT)
    text = await show(system, f"/console/cases/{case}")
    assert SCRIPT not in text
    assert "&#34;late&#34;: 1" in text
    assert "<code>reminder</code>" in text[text.index("<h2>Runs") :]
    assert text.index(first) < text.index("<code>reminder</code>", text.index("<h2>Runs"))
    assert queued in text[text.index("<h2>Queued") :]
    listed = await show(system, "/console/cases?status=open&definition_id=follow")
    assert f"/console/cases/{case}" in listed
    assert SCRIPT not in listed
    assert "None." in await show(system, "/console/cases?status=closed")
    assert "Taken by case" in await show(system, f"/console/runs/{first}")
    for path in ("/cases/none", "/tasks/none"):
        await show(system, f"/console{path}", 404)


async def test_rollouts_tell_how_they_fare(system: MemorySystem) -> None:
    async with system.client() as client:
        for id_ in ("greet", "other"):
            older = GREET | {"id": id_}
            assert (await client.put("/v1/definitions", json=older)).is_success
            wanted = {"definition": older | {"title": "New"}, "percent": 12.5}
            started = await client.post(f"/v1/definitions/{id_}/rollout", json=wanted)
            assert started.is_success, started.text
        await client.post("/v1/definitions/greet/rollback", json={"reason": f"slow {SCRIPT}"})
    text = await show(system, "/console")
    rollouts = text[text.index("<h2>Rollouts") : text.index("Last runs")]
    assert rollouts.index("other") < rollouts.index("greet")
    assert "12.5 %" in rollouts
    assert "0 of 0 failed" in rollouts
    assert re.search(r"stopped</span> <bdi>by anonymous: slow &lt;script", rollouts)


@pytest.mark.parametrize("word", HOSTILE)
async def test_hostile_words_are_words(system: MemorySystem, word: str) -> None:
    run, task = await buy(system, word, word[:200])
    undo = add(system, task, TaskRole.COMPENSATION, title=word)
    await do(system, task, "claim", by=word[:200])
    await do(system, task, "return", by=word[:200], comment=word)
    paths = [f"/runs/{run}", f"/tasks/{task}", f"/tasks/{undo}", "/tasks", "/tasks?sort=due", ""]
    for path in paths:
        text = await show(system, f"/console{path}")
        assert "<script" not in text
        assert "<img" not in text
        assert word in unescape(text)
